//! The table of answers: what was asked and expected, what both models said, and what became of it. The filters by result work
//! without the script.

use std::fmt::Write as _;

use super::diff::{Piece, difference};
use super::escape::{escaped, shortened};
use super::files::RunFiles;
use super::number::counted;
use super::scorecard::{Answered, Change, Scorecard};

/// Rows of the page, at most; the scorecards have all.
const MOST_ROWS: usize = 2000;
/// Bytes of the table, about: browsers are slow with more.
const MOST_BYTES: usize = 8 << 20;
/// Characters of an answer, of a prompt, and of what was expected.
const ANSWER: usize = 4000;
/// Characters from which an answer scrolls by itself.
const LONG: usize = 900;
const PROMPT: usize = 2000;
const EXPECTED: usize = 1000;

/// A filter: its value, its words, and the change that it shows (None: all).
const FILTERS: [(&str, &str, Option<Change>); 4] = [
    ("all", "all", None),
    ("wrong", "became wrong", Some(Change::Wrong)),
    ("right", "became right", Some(Change::Right)),
    ("neither", "both wrong", Some(Change::BothWrong)),
];

pub(super) fn section(files: &RunFiles) -> String {
    let cards = files.scorecards.as_slice();
    let mut out =
        String::from("<section id=\"answers\" aria-labelledby=\"answers-h\">\n<h2 id=\"answers-h\">Answers</h2>\n");
    let mut rows: Vec<Row<'_>> = cards.iter().flat_map(|card| card.results.iter().map(|a| Row::new(card, a))).collect();
    if rows.is_empty() {
        let of = files.of_this_adapter();
        out.push_str(&format!("<p>No prompt was asked{of}, so there are no answers.</p>\n</section>\n"));
        return out;
    }
    // What was lost first, and of that what must pass.
    rows.sort_by_key(|row| (row.change, !row.answered.must_pass));
    out.push_str(
        "<p>v1 is the model that v2, the new one, is compared with. Words that only one of two similar answers has are marked: \
         <del>v1 only</del>, <ins>v2 only</ins>.</p>\n",
    );
    filters(&mut out, &rows);
    out.push_str(
        "<div class=\"wide\" role=\"region\" aria-label=\"table: answers\" tabindex=\"0\">\n\
         <table role=\"table\" class=\"answers\">\n<caption>answers of both models</caption>\n\
         <thead role=\"rowgroup\"><tr role=\"row\">",
    );
    for head in ["result", "prompt", "expected", "v1", "v2"] {
        let _ = write!(out, "<th role=\"columnheader\" scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    let begin = out.len();
    let mut shown = 0;
    for row in rows.iter().take(MOST_ROWS) {
        if out.len() - begin > MOST_BYTES {
            break;
        }
        row.write(&mut out);
        shown += 1;
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
    if shown < rows.len() {
        let _ = writeln!(
            out,
            "<p class=\"note\">{} more of {} are in the scorecards: this page has the first {shown}, in the order of the filters.</p>",
            rows.len() - shown,
            rows.len()
        );
    }
    out.push_str("</section>\n");
    out
}

fn filters(out: &mut String, rows: &[Row<'_>]) {
    out.push_str("<fieldset class=\"filters\"><legend>Show</legend>\n");
    for (value, words, change) in FILTERS {
        let n = rows.iter().filter(|row| change.is_none_or(|c| row.change == c)).count();
        let checked = if change.is_none() { " checked" } else { "" };
        let _ = writeln!(
            out,
            "<label><input type=\"radio\" name=\"show\" id=\"show-{value}\" value=\"{value}\"{checked}> {words} ({n})</label>"
        );
    }
    // The script shows it: without one it would do nothing.
    out.push_str(
        "<span id=\"finder\" hidden><label>with the text <input type=\"search\" id=\"find\" autocomplete=\"off\"></label> \
         <output for=\"find\" id=\"found\"></output></span>\n</fieldset>\n",
    );
}

struct Row<'a> {
    card: &'a Scorecard,
    answered: &'a Answered,
    change: Change,
}

/// An answer of one model with what is said of it.
struct Said<'a> {
    text: &'a str,
    pieces: Option<&'a [Piece<'a>]>,
    tag: &'static str,
    unmet: &'a [String],
    error: Option<&'a str>,
    degenerate: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn new(card: &'a Scorecard, answered: &'a Answered) -> Self {
        Self { card, answered, change: answered.change() }
    }

    fn write(&self, out: &mut String) {
        let Answered { prompt_id, category, prompt, must_pass, .. } = self.answered;
        let must = if *must_pass { "<br><b>must pass</b>" } else { "" };
        let _ = write!(
            out,
            "<tr role=\"row\" class=\"{}\">\n<th role=\"rowheader\" scope=\"row\"><b>{}</b>{must}<br><span class=\"id\">{}<br>{} · {}</span></th>\n\
             <td role=\"cell\" data-label=\"prompt\" dir=\"auto\">",
            self.change.class(),
            self.change.words(),
            escaped(prompt_id),
            escaped(&self.card.metadata.suite),
            escaped(category)
        );
        self.text(out, prompt, PROMPT);
        out.push_str("</td>\n<td role=\"cell\" data-label=\"expected\" dir=\"auto\">");
        self.expected(out);
        out.push_str("</td>\n");
        self.answers(out);
        out.push_str("</tr>\n");
    }

    fn expected(&self, out: &mut String) {
        let Answered { expected, keywords_expected, .. } = self.answered;
        let (texts, between) = if expected.is_empty() { (keywords_expected, "and") } else { (expected, "or") };
        if !texts.is_empty() && expected.is_empty() {
            out.push_str("<i>with</i> ");
        }
        for (i, text) in texts.iter().enumerate() {
            if i > 0 {
                let _ = write!(out, " <i>{between}</i> ");
            }
            // A keyword may have alternatives.
            let text = if expected.is_empty() { text.replace('|', " or ") } else { text.clone() };
            self.text(out, &text, EXPECTED);
        }
        if texts.is_empty() {
            out.push('–');
        }
    }

    fn answers(&self, out: &mut String) {
        let a = self.answered;
        let (base, tuned) = (shortened(&a.base_model_response, ANSWER), shortened(&a.finetuned_response, ANSWER));
        let found = difference(base.shown, tuned.shown);
        let degenerate = |value: &'a Option<serde_json::Value>| value.as_ref().and_then(|v| v.as_str());
        let base = Said {
            text: &a.base_model_response,
            pieces: found.as_ref().map(|f| f.base.as_slice()),
            tag: "del",
            unmet: &a.unmet_base,
            error: a.error_base.as_deref(),
            degenerate: degenerate(&a.degenerate_base),
        };
        let tuned = Said {
            text: &a.finetuned_response,
            pieces: found.as_ref().map(|f| f.tuned.as_slice()),
            tag: "ins",
            unmet: &a.unmet_finetuned,
            error: a.error_finetuned.as_deref(),
            degenerate: degenerate(&a.degenerate_finetuned),
        };
        self.answer(out, "v1", &base);
        self.answer(out, "v2", &tuned);
    }

    fn answer(&self, out: &mut String, model: &str, said: &Said<'_>) {
        let _ = write!(out, "<td role=\"cell\" data-label=\"{model}\" dir=\"auto\">");
        let is_long = shortened(said.text, LONG).left_out > 0;
        if is_long {
            // A row is no higher than a screen: the rest scrolls, also by the keyboard.
            let _ =
                write!(out, "<div class=\"long\" role=\"group\" aria-label=\"long answer of {model}\" tabindex=\"0\">");
        }
        match said.pieces {
            Some(pieces) => {
                for piece in pieces {
                    let words = piece.text.trim_end();
                    let (text, space) = (escaped(words), escaped(&piece.text[words.len()..]));
                    let _ = match piece.only_here {
                        true => write!(out, "<{0}>{text}</{0}>{space}", said.tag),
                        false => write!(out, "{text}{space}"),
                    };
                }
                self.rest(out, said.text, ANSWER);
            }
            None if said.text.is_empty() => out.push_str("<i>no text</i>"),
            None => self.text(out, said.text, ANSWER),
        }
        out.push_str(if is_long { "</div>" } else { "" });
        let mut notes: Vec<String> = said.unmet.iter().map(|what| format!("not met: {what}")).collect();
        notes.extend(said.degenerate.map(|what| format!("degenerate: {}", what.replace('_', " "))));
        notes.extend(said.error.map(|what| format!("failed: {what}")));
        for note in notes {
            out.push_str("<br><span class=\"unmet\">");
            self.text(out, &note, EXPECTED);
            out.push_str("</span>");
        }
        out.push_str("</td>\n");
    }

    fn text(&self, out: &mut String, text: &str, limit: usize) {
        out.push_str(&escaped(shortened(text, limit).shown));
        self.rest(out, text, limit);
    }

    /// How much of a text is left out, and where it stands.
    fn rest(&self, out: &mut String, text: &str, limit: usize) {
        let left_out = shortened(text, limit).left_out;
        if left_out > 0 {
            let characters = counted(left_out, "more character");
            let _ = write!(out, " <i class=\"rest\">… {characters} in {}</i>", escaped(&self.card.path));
        }
    }
}
