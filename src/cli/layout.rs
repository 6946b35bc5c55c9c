//! How lines are laid out: marks, colours, wrapped sentences, tables and boxes.

use console::{Term, measure_text_width};

use super::terminal::Text;
use crate::input::Env;

pub(super) const BOLD: &str = "1";
pub(super) const DIM: &str = "2";
pub(super) const RED: &str = "31";
pub(super) const GREEN: &str = "32";
pub(super) const YELLOW: &str = "33";

/// What a stream can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) utf8: bool,
    pub(super) colour: bool,
    /// Columns of the terminal; None where the stream is no terminal: nothing is wrapped then.
    pub(super) width: Option<usize>,
}

/// What stands in front of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Good,
    Bad,
    /// Skipped, or undecided.
    Neutral,
}

impl Style {
    pub(super) fn of_stdout(env: &Env) -> Self {
        Self::of(&Term::stdout(), env)
    }

    pub(super) fn of_stderr(env: &Env) -> Self {
        Self::of(&Term::stderr(), env)
    }

    fn of(stream: &Term, env: &Env) -> Self {
        /// Of a terminal that does not know its size; some say that they have none.
        const USUAL: usize = 80;
        const LEAST: usize = 20;
        let terminal = stream.is_term();
        let known = || stream.size_checked().map(|(_, columns)| usize::from(columns)).filter(|columns| *columns > 0);
        let width = || known().unwrap_or(USUAL).max(LEAST);
        Self { utf8: env.utf8, colour: terminal && !env.no_color, width: terminal.then(width) }
    }

    pub(super) fn paint(self, code: &'static str, text: &str) -> Text {
        if self.colour && !text.is_empty() { Text::painted(code, text) } else { text.into() }
    }

    pub(super) fn mark(self, mark: Mark) -> Text {
        let (utf8, ascii, code) = match mark {
            Mark::Good => ("✓", "+", GREEN),
            Mark::Bad => ("✗", "x", RED),
            Mark::Neutral => ("–", "-", DIM),
        };
        self.paint(code, if self.utf8 { utf8 } else { ascii })
    }

    /// `head`, which takes `indent` columns, and beside it `text`, wrapped where the stream is a terminal.
    pub(super) fn beside(self, head: Text, indent: usize, text: &str) -> Text {
        let rest = format!("\n{}", " ".repeat(indent));
        head.then(self.wrap(text, indent).join(&rest))
    }

    /// The lines of `text`, none of them wider than the terminal with `indent` columns in front, unless one word is. What
    /// continues a line is indented as that line is.
    pub(super) fn wrap(self, text: &str, indent: usize) -> Vec<String> {
        /// In a narrower column a sentence is not readable.
        const LEAST: usize = 24;
        let room = self.width.map(|width| width.saturating_sub(indent)).filter(|room| *room >= LEAST);
        let Some(room) = room else { return text.lines().map(str::to_owned).collect() };
        text.lines().flat_map(|line| wrapped(line, room)).collect()
    }
}

fn wrapped(line: &str, room: usize) -> Vec<String> {
    if measure_text_width(line) <= room {
        return vec![line.to_owned()];
    }
    let words = line.trim_start();
    let margin = &line[..line.len() - words.len()];
    let mut lines = vec![margin.to_owned()];
    for word in words.split(' ') {
        let last = lines.len() - 1;
        let empty = lines[last].len() == margin.len();
        if !empty && measure_text_width(&lines[last]) + 1 + measure_text_width(word) > room {
            lines.push(format!("{margin}{word}"));
        } else {
            lines[last] += if empty { "" } else { " " };
            lines[last] += word;
        }
    }
    lines
}

/// A cell of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    text: String,
    colour: Option<&'static str>,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), colour: None }
    }

    pub(super) fn painted(text: impl Into<String>, colour: &'static str) -> Self {
        Self { text: text.into(), colour: Some(colour) }
    }
}

/// A column's header, and on which side of the column its cells stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) right: bool,
}

/// Rows under a header. Every row has a cell for each column.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    const GAP: usize = 2;

    fn widths(&self) -> Vec<usize> {
        let cell = |row: &Vec<Cell>, i: usize| row.get(i).map_or(0, |cell| measure_text_width(&cell.text));
        let width =
            |i: usize, name| self.rows.iter().map(|row| cell(row, i)).fold(measure_text_width(name), usize::max);
        self.columns.iter().enumerate().map(|(i, column)| width(i, column.name)).collect()
    }

    /// Of a line, in columns of the terminal.
    pub(super) fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + Self::GAP * widths.len().saturating_sub(1)
    }

    /// The header and the rows, each indented by `indent` columns.
    pub(super) fn lines(&self, style: Style, indent: usize) -> Vec<Text> {
        let widths = self.widths();
        let header: Vec<Cell> = self.columns.iter().map(|column| Cell::painted(column.name, DIM)).collect();
        let line = |row: &Vec<Cell>| {
            let mut line = Text::from(" ".repeat(indent));
            for (i, (cell, column)) in row.iter().zip(&self.columns).enumerate() {
                let fill = " ".repeat(widths[i] - measure_text_width(&cell.text));
                let shown = cell.colour.map_or_else(|| cell.text.as_str().into(), |code| style.paint(code, &cell.text));
                let gap = if i == 0 { String::new() } else { " ".repeat(Self::GAP) };
                line = match (column.right, i + 1 == row.len()) {
                    (true, _) => line.then(gap).then(fill).then(shown),
                    (false, false) => line.then(gap).then(shown).then(fill),
                    // Nothing stands to the right of it.
                    (false, true) => line.then(gap).then(shown),
                };
            }
            line
        };
        std::iter::once(&header).chain(&self.rows).map(line).collect()
    }
}

/// Lines in a frame, for a terminal. A line that is wider than the terminal (a command that is to be copied as it is) leaves
/// the frame without its sides.
pub(super) fn boxed(style: Style, title: Cell, lines: &[String]) -> Text {
    let most = style.width.unwrap_or(usize::MAX);
    let longest = lines.iter().map(|line| measure_text_width(line)).fold(0, usize::max);
    let title_width = measure_text_width(&title.text);
    let sides = longest + 4 <= most;
    // A title stands between two spaces.
    let least = if title_width == 0 { 0 } else { title_width + 2 };
    let inner = if sides { longest.max(least) + 2 } else { most.saturating_sub(2) };
    let [across, upright, corners @ ..] =
        if style.utf8 { ["─", "│", "╭", "╮", "╰", "╯"] } else { ["-", "|", "+", "+", "+", "+"] };
    let [top_left, top_right, bottom_left, bottom_right] = if sides { corners } else { [across; 4] };
    let shown = style.paint(title.colour.unwrap_or(BOLD), &title.text);
    // With a space on each side of the title, and a piece of the frame before it.
    let (before, rest) = match title_width {
        0 => (across.to_owned(), inner - 1),
        taken => (format!("{across} "), inner.saturating_sub(taken + 3)),
    };
    let after = if title_width == 0 { "" } else { " " };
    let mut text = Text::from(format!("{top_left}{before}")).then(shown);
    text = text.then(format!("{after}{}{top_right}", across.repeat(rest)));
    for line in lines {
        let fill = " ".repeat((inner - 1).saturating_sub(measure_text_width(line)));
        let line = if sides { format!("\n{upright} {line}{fill}{upright}") } else { format!("\n  {line}") };
        text = text.then(line);
    }
    text.then(format!("\n{bottom_left}{}{bottom_right}", across.repeat(inner)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { utf8: true, colour: false, width: Some(40) };

    #[test]
    fn sentences_are_wrapped_at_the_width_of_a_terminal_only() {
        let text = "  one two three four five six seven eight\nnine";
        assert_eq!(PLAIN.wrap(text, 10), ["  one two three four five six", "  seven eight", "nine"]);
        let elsewhere = Style { width: None, ..PLAIN };
        assert_eq!(elsewhere.wrap(text, 10), text.split('\n').collect::<Vec<_>>());
        // Where no sentence has room, and a word that is wider than the room.
        assert_eq!(PLAIN.wrap(text, 30), text.split('\n').collect::<Vec<_>>());
        let path = "/a/path/that/is/wider/than/the/room";
        assert_eq!(PLAIN.wrap(&format!("in {path} it is"), 10), ["in", path, "it is"]);
        let shown = PLAIN.beside("head: ".into(), 6, "one two three four five six seven eight");
        assert_eq!(shown.to_string(), "head: one two three four five six seven\n      eight");
    }

    #[test]
    fn colour_is_for_terminals_and_marks_have_an_ascii_form() {
        let coloured = Style { colour: true, ..PLAIN };
        assert_eq!(coloured.mark(Mark::Good).to_string(), "\x1b[32m✓\x1b[0m");
        assert_eq!(coloured.mark(Mark::Bad).to_string(), "\x1b[31m✗\x1b[0m");
        let ascii = Style { utf8: false, ..PLAIN };
        let marks = [Mark::Good, Mark::Bad, Mark::Neutral].map(|mark| ascii.mark(mark).to_string());
        assert_eq!(marks, ["+", "x", "-"]);
    }

    #[test]
    fn a_table_pads_what_is_shown_not_what_colours_it() {
        let columns = vec![Column { name: "a", right: true }, Column { name: "bc", right: false }];
        let rows = vec![vec![Cell::new("1000"), Cell::painted("x", RED)], vec![Cell::new("é"), Cell::new("yyy")]];
        let table = Table { columns, rows };
        assert_eq!(table.width(), 9);
        let shown = |style| table.lines(style, 1).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(PLAIN), ["    a  bc", " 1000  x", "    é  yyy"]);
        assert_eq!(shown(Style { colour: true, ..PLAIN })[1], " 1000  \x1b[31mx\x1b[0m");
    }

    #[test]
    fn a_box_loses_its_sides_where_a_line_is_too_wide() {
        let lines = ["a".to_owned(), "b".repeat(20)];
        let shown = boxed(PLAIN, Cell::new("PASS"), &lines).to_string();
        assert_eq!(
            shown,
            "╭─ PASS ───────────────╮\n│ a                    │\n│ bbbbbbbbbbbbbbbbbbbb │\n╰──────────────────────╯"
        );
        let ascii = Style { utf8: false, ..PLAIN };
        assert_eq!(boxed(ascii, Cell::default(), &lines[..1]).to_string(), "+---+\n| a |\n+---+");
        let wide = ["a".to_owned(), "b".repeat(50)];
        let shown = boxed(ascii, Cell::new("PASS"), &wide).to_string();
        assert_eq!(shown.lines().next().unwrap(), format!("-- PASS {}", "-".repeat(32)));
        assert_eq!(shown.lines().nth(2).unwrap(), format!("  {}", "b".repeat(50)));
    }
}
