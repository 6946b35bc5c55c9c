//! The program, killed for real (SIGKILL) at any moment: the next start finds everything whole.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::daemon;
use crate::program::Place;

const ROLES: &str = "models:\n  router: # kept\n    model_name: \"kills:v1\"  # swapped\n    general: off\n";

#[test]
fn a_swap_killed_at_any_moment_is_done_or_not_begun() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    daemon::register_smollm2(&client, "kills:v1");
    client.copy("kills:v1", "kills:v2").unwrap();
    let place = Place::new().with("OLLAMA_HOST", daemon.host().to_string());
    place.write("configs/models.yaml", ROLES);
    let (v1, v2) = (ROLES.to_owned(), ROLES.replace("kills:v1", "kills:v2"));
    let promote = ["promote", "--role", "router", "--to", "kills:v2", "--force"];

    // How long one takes, then kills spread over that time.
    let began = Instant::now();
    place.run(&promote).says(0, &[]);
    let whole = began.elapsed();
    assert_eq!(place.read("configs/models.yaml"), v2);
    place.run(&["rollback", "--role", "router"]).says(0, &[]);
    let mut swapped = 0;
    for i in 0..40u32 {
        let mut child = place.command(&promote).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(i) / 38.0) + Duration::from_micros(u64::from(i % 7) * 300));
        child.kill().unwrap();
        child.wait().unwrap();
        // Whole at once, for programs that read it now …
        let found = place.read("configs/models.yaml");
        assert!(found == v1 || found == v2, "kill {i}: {found}");
        // … and the next start says the same as the file.
        let history = place.run(&["history", "--role", "router"]);
        history.says(0, &[]);
        let last = history.out.lines().rfind(|l| l.contains("done")).unwrap_or_default().to_owned();
        let found = place.read("configs/models.yaml");
        assert_eq!(last.contains("kills:v1 -> kills:v2"), found == v2, "kill {i}: {}\n{found}", history.out);
        if found == v2 {
            swapped += 1;
            place.run(&["rollback", "--role", "router"]).says(0, &[]);
        }
        assert_eq!(place.read("configs/models.yaml"), v1, "kill {i}");
        let names = std::fs::read_dir(place.path("configs")).unwrap().map(|e| e.unwrap().file_name());
        let left: Vec<_> = names.filter(|n| n.to_string_lossy().contains("tunesmith-new")).collect();
        assert!(left.is_empty(), "kill {i} left {left:?}");
    }
    assert!((1..40).contains(&swapped), "{swapped} of 40 swapped: the kills missed the swap");
}
