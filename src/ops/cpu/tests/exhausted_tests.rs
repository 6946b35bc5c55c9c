//! More memory than there is.

use super::*;

#[test]
fn a_buffer_larger_than_the_address_space_is_a_fault() {
    for cpu in Cpu::all(2) {
        let (x, mut y) = (cpu.upload(&[1.0, 2.0]), cpu.upload(&[3.0, 4.0]));
        let mut missing = cpu.buf(1 << 60);
        assert_eq!((cpu.len(&missing), missing.len()), (1 << 60, 0));
        // Nothing is computed, of it or of others, until it is gone.
        cpu.add(&mut missing, &x);
        cpu.add(&mut y, &missing);
        cpu.add(&mut y, &x);
        assert_eq!(y[..], [3.0, 4.0]);
        for _ in 0..2 {
            let fault = cpu.fault().unwrap();
            assert!(matches!(fault, OpsError::Memory { bytes } if bytes == 1 << 62), "{fault:?}");
            assert!(fault.to_string().starts_with("the system refused 4398046511104 MiB of memory"), "{fault}");
        }
        drop(missing);
        assert!(cpu.fault().is_none());
        cpu.add(&mut y, &x);
        assert_eq!(y[..], [4.0, 6.0]);
    }
}
