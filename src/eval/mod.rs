//! Suites, scorers with signatures, paired statistics, gate verdict, reports; asks a trait `Answerer`, never the network.
//!
//! The way: [`Suite`] → [`ask_all`] (arm by arm, through the [`AnswerCache`]) → [`measure`] (scores of each answer) → [`judge`]
//! (one verdict per suite) → [`gate`] (one decision) → [`document`] (JSON) and [`summary`] (Markdown).

mod answer_metrics;
mod answerer;
mod arm;
mod ask;
mod assertion;
mod benchmark;
mod bert_score;
mod bootstrap;
mod builtin;
mod cache;
mod case;
mod citation;
mod compare;
mod control;
mod decision;
mod degenerate;
mod document;
mod fault;
mod gate;
mod harm;
mod judge;
mod judgement;
mod junit;
mod kept_embedder;
mod kept_file;
mod likeness;
mod llm_judge;
mod measure;
mod measured;
mod multiple_choice;
mod noise;
mod number;
mod overlap;
mod paired;
mod plain;
mod power;
mod promptfoo;
mod question_record;
mod questions;
mod reference_scores;
mod relevance;
mod result_rates;
mod result_record;
mod result_table;
mod results;
mod run_table;
mod same_json;
mod score;
mod sign_flip;
mod similarity;
#[cfg(test)]
mod simulation;
mod suite;
mod suite_file;
mod suite_read;
mod suite_table;
mod summary;
mod text;
mod thought;
mod tools;
mod votes;

pub use answer_metrics::{
    AnswerScores, CommonestAnswer, Grounding, commonest_answer, grounding, holds_all, holds_each, is_refusal,
    score_answer, texts_answer, token_f1,
};
pub use answerer::{Answered, Answerer, Embedder, Question, REPEAT_LIMIT, Reply, ToolCall};
pub use arm::{ArmAnswers, ArmEvent, ArmRequest, ask_arm};
pub use ask::{
    Answers, Arm, ArmAsking, Asking, Bench, CaseAnswers, Event, ModelAnswers, SystemTurn, ask_all, ask_model,
};
pub use benchmark::{
    Benchmark, BenchmarkAnswers, BenchmarkArm, BenchmarkMetadata, BenchmarkResult, CosineBy, HowAsked,
    benchmark_charts, benchmark_summary,
};
pub use bert_score::{BertScore, TokenEmbedder, TokenVectors, best_bert_score};
pub use bootstrap::{Confidence, bootstrap_t};
pub use builtin::{GENERAL, JARVIS, nearest_builtin};
pub use cache::AnswerCache;
pub use case::Case;
pub use citation::{CitedNumbers, cited_numbers};
pub use compare::{
    ArmComparison, ArmResults, BuildCosts, CompareInput, ConditionDifference, Needs, TaughtFacts, TaughtQuestions,
    compare_arms, comparison_markdown, comparison_overview, condition_differences,
};
pub use control::{Change, ChangeSource, Control, ControlSuite, control_markdown, control_suite};
pub use decision::Decision;
pub use degenerate::{Degenerate, degenerate};
pub use document::{Document, Metadata, document};
pub use fault::{EvalError, Fault, ResultFault, SuitePlace};
pub use gate::{Gate, GateInput, Rules, gate};
pub use judge::{Demand, Goal, Interval, Judged, Verdict, judge};
pub use judgement::Judgement;
pub use junit::{JunitSuite, junit};
pub use kept_embedder::KeptEmbedder;
pub use likeness::{add_bert_score, has_reference_texts};
pub use llm_judge::{
    Calibration, JUDGE_TOKENS, JudgeReport, JudgeRun, JudgeVerdict, JudgedAnswers, Order, calibration, judge_messages,
    judge_report, judge_schema,
};
pub use measure::measure;
pub use measured::{ArmScores, CaseScores, Likeness, Measured};
pub use multiple_choice::{
    CALIBRATION_BINS, CalibrationBin, ChoiceCalibration, ChoiceCase, ChoiceModel, ChoicePrompt, ChoiceScores,
    ChoiceSet, ChoiceSource, ChoiceSuite, MultipleChoice, Prediction, ScoredChoices, choice_calibration, choice_suite,
    choices_markdown,
};
pub use noise::{AskedAgain, NoiseFloor, SecondTime, asked_again};
pub use overlap::{Overlap, overlaps};
pub use paired::{Pairs, mcnemar_midp, mcnemar_worse, tango_interval, tango_z};
pub use power::{least_fixed, margin_with_power, needed, smallest_margin};
pub use question_record::{TestQuestion, UNANSWERABLE};
pub use questions::{Questions, read_questions};
pub use relevance::{cosine, embed};
pub use result_rates::{CategoryRates, ExtendedBlock, Losses, MetricsBlock, RetrievalRates, losses};
pub use result_record::{AnswerRecord, Citations, Retrieval};
pub use result_table::{ResultTable, TableLanguage};
pub use results::{
    AnswerArm, AskedWith, RecordPair, ResultExtras, ResultFile, ResultHeader, Served, pair_records, read_results,
};
pub use run_table::{
    Entrant, EntrantKind, PromptScore, Quantity, RunComparison, RunOrigin, RunState, SuiteScores, compare_runs,
    runs_markdown, runs_overview,
};
pub use score::{KeywordMatch, Metric};
pub use suite::Suite;
pub use summary::summary;
pub use text::{Normaliser, fold};
pub use thought::{Spoken, without_thoughts};
pub use votes::{
    AnswerPair, BlindPair, Choice, Side, Tally, VOTES_VERSION, Vote, VotedModel, answer_pairs, blind_pairs,
    equal_answers, read_votes, tallies,
};
