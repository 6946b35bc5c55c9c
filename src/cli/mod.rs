//! Arguments, progress, words to the user: the only place that prints.
