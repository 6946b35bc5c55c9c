//! Candidate to promoted to retired; history, rollback; the swap in models.yaml.
