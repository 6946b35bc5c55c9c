//! Gradients in bf16: near those in f32, and nothing else is touched.

use super::*;
use crate::ops::Compute;

fn apart(a: &Grads, b: &Grads) -> f64 {
    let values = |g: &Grads| -> Vec<f64> {
        g.values().flat_map(|p| p.a.iter().chain(&p.b)).map(|v| f64::from(*v)).collect::<Vec<_>>()
    };
    let (a, b) = (values(a), values(b));
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(&b).map(|(a, b)| a - b)) / norm(&mut a.iter().copied())
}

#[test]
fn bf16_is_near_and_only_for_gradients() {
    for name in FAMILIES {
        let w = weights(name);
        let exact = Model::new(&w, 2).unwrap();
        let rounded = match Model::new(&w, 2).unwrap().computing(Compute::Bf16) {
            Ok(model) => model,
            Err(e) => {
                assert!(matches!(e, ModelError::NoBf16) && !exact.route().contains("amx"), "{e}");
                return;
            }
        };
        assert_eq!(rounded.route(), format!("{} bf16", exact.route()));
        let (a, d) = (adapter(&w, 4, &Site::ALL), data(&w, &[40, 25, 30, 21]));
        let s = half_distilled(&d);
        let ((one, g), (other, h)) = (grads(&exact, &a, &s, None), grads(&rounded, &a, &s, None));
        // A bf16 has 8 bits: 2⁻⁹ of each operand, less in a sum.
        let far = apart(&g, &h);
        assert!((1e-5..5e-2).contains(&far), "{name}: {far}");
        assert!((one.nll / other.nll - 1.0).abs() < 5e-3, "{name}: {} and {}", one.nll, other.nll);
        let three = Model::new(&w, 3).unwrap().computing(Compute::Bf16).unwrap();
        assert!(grads(&three, &a, &s, None) == (other, h), "other bits with other threads");
        // What looks does not round.
        assert_eq!(exact.loss(Some(&a), &s).unwrap(), rounded.loss(Some(&a), &s).unwrap());
        assert_eq!(exact.logits(Some(&a), s[0].ids).unwrap(), rounded.logits(Some(&a), s[0].ids).unwrap());
    }
}

/// The teacher is asked in the pupil's arithmetic, however few its rows are: an adapter that changes nothing has diverged by
/// nothing.
#[test]
fn in_bf16_too_the_base_does_not_differ_from_itself() {
    let w = weights("llama-gqa8");
    let Ok(model) = Model::new(&w, 2).unwrap().computing(Compute::Bf16) else { return };
    let mut a = adapter(&w, 4, &Site::ALL);
    a.pairs.values_mut().for_each(|pair| pair.b.fill(0.0));
    // One that is taught alone has few rows; beside another, which nobody is asked about but which is computed, many.
    for (lengths, distilled) in [(&[50, 40][..], 0..2), (&[9, 60], 0..1)] {
        let d = data(&w, lengths);
        let mut s = sequences(&d);
        s[distilled].iter_mut().for_each(|s| s.distilled = true);
        let (sums, g) = grads(&model, &a, &s, None);
        let told: Vec<_> = s.iter().filter(|s| !s.distilled).cloned().collect();
        let (alone, h) = grads(&model, &a, &told, None);
        assert!((sums.nll - alone.nll).abs() < 1e-6 * sums.tokens as f64, "{} and {}", sums.nll, alone.nll);
        let largest = |g: &Grads| g.values().flat_map(|p| p.a.iter().chain(&p.b)).fold(0f32, |m, v| m.max(v.abs()));
        assert!(told.is_empty() && largest(&g) < 1e-5 || apart(&g, &h) < 1e-3, "{lengths:?}");
    }
}
