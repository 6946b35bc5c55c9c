//! One short file per stage, and `way`: the whole way on one page.
