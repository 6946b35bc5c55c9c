//! Suites, scorers with signatures, paired statistics, gate verdict, reports; asks a trait `Answerer`, never the network.
