//! `raw` what was said, `run` what is meant; `models_yaml` (read, comment-preserving edit); `env` the only reader of the environment.
