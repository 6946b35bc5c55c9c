//! DOCX to Markdown: paragraphs with their styles, lists, tables.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use quick_xml::events::BytesStart;

use super::archive::Archive;
use super::docx_paragraph::{Paragraph, Run, marked, write_link};
use super::docx_styles::Styles;
use super::docx_table::TableRows;
use super::error::CorpusError;
use super::key_value::pair;
use super::xml::{XmlPart, XmlToken, attribute, each_token, is_on};

const DOCUMENT: &str = "word/document.xml";
const STYLES: &str = "word/styles.xml";
const RELATIONS: &str = "word/_rels/document.xml.rels";
/// Tables within tables that are kept.
const MAX_TABLES: usize = 64;
/// Cells of all tables together, at most, once every row of a table has all of its columns.
const MAX_CELLS: usize = 5_000_000;
const BYTES_OF_A_CELL: usize = 64;

pub(super) fn markdown(file: &Arc<str>, bytes: &[u8]) -> Result<String, CorpusError> {
    let mut archive = Archive::open(file, bytes)?;
    let mut styles = Styles::default();
    if let Some(xml) = archive.text(STYLES)? {
        each_token(XmlPart { file, name: STYLES }, &xml, &mut |token| styles.token(token))?;
    }
    let Some(xml) = archive.text(DOCUMENT)? else {
        return Err(CorpusError::Archive { file: file.clone(), reason: format!("it has no {DOCUMENT}") });
    };
    let mut links = BTreeMap::new();
    if let Some(xml) = archive.text(RELATIONS)? {
        each_token(XmlPart { file, name: RELATIONS }, &xml, &mut |token| links.extend(link(token)))?;
    }
    let mut writer = Writer { levels: styles.levels, hidden: styles.hidden, links, ..Writer::default() };
    each_token(XmlPart { file, name: DOCUMENT }, &xml, &mut |token| writer.token(token))?;
    if writer.cells > MAX_CELLS {
        return Err(CorpusError::ManyCells { file: file.clone(), most: MAX_CELLS });
    }
    Ok(writer.out)
}

/// A link by its id. Only an address that Markdown needs no escapes for is kept.
fn link(token: XmlToken<'_>) -> Option<(String, Rc<str>)> {
    let (XmlToken::Start(start) | XmlToken::Empty(start)) = token else { return None };
    let target =
        attribute(start, "Target").filter(|_| attribute(start, "TargetMode").as_deref() == Some("External"))?;
    let is_plain =
        target.starts_with("http") && !target.contains(['(', ')', '|']) && !target.contains(char::is_whitespace);
    Some((attribute(start, "Id").filter(|_| is_plain)?, target.into()))
}

/// The value of a property that is a number; 0 where it is none.
fn number(start: &BytesStart<'_>) -> usize {
    attribute(start, "val").and_then(|val| val.parse().ok()).unwrap_or_default()
}

/// What a text box holds, which is written after the paragraph that the box is in.
#[derive(Debug)]
enum Boxed {
    Paragraph(Paragraph),
    Table(String),
}

#[derive(Default)]
struct Writer {
    levels: BTreeMap<String, usize>,
    /// Styles whose text is hidden.
    hidden: BTreeSet<String>,
    /// Addresses by their ids.
    links: BTreeMap<String, Rc<str>>,
    out: String,
    /// Those that are open: a text box of a paragraph holds paragraphs.
    paragraphs: Vec<Paragraph>,
    /// In the order in which they begin.
    boxed: Vec<Option<Boxed>>,
    tables: Vec<TableRows>,
    /// Cells of the tables that were written; beyond [`MAX_CELLS`] no more of them are.
    cells: usize,
    /// Within `w:t`.
    in_text: bool,
    /// Of each `mc:AlternateContent` that is open, whether one of its forms was read: the others repeat it.
    alternates: Vec<bool>,
    /// Elements that are open within a form that is left out, with itself.
    left_out: usize,
    /// Whether the block before is a line that another may follow without an empty one: an item or a pair.
    line_before: Option<LineKind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
    Item,
    Pair,
}

impl Writer {
    fn token(&mut self, token: XmlToken<'_>) {
        match token {
            XmlToken::Start(start) => self.start(start),
            XmlToken::Empty(start) => {
                if start.local_name().as_ref() == "p" {
                    return;
                }
                self.start(start);
                self.end(start.local_name().as_ref());
            }
            XmlToken::End(name) => self.end(name),
            XmlToken::Text(text) if self.in_text && self.left_out == 0 => self.text(text),
            XmlToken::Text(_) => {}
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) {
        if self.left_out > 0 {
            self.left_out += 1;
            return;
        }
        let name = start.local_name();
        match name.as_ref() {
            // A tracked change holds the properties that were before it.
            name if name.ends_with("PrChange") => self.left_out = 1,
            "AlternateContent" => self.alternates.push(false),
            "Choice" | "Fallback" => match self.alternates.last_mut() {
                Some(read) if *read => self.left_out = 1,
                Some(read) => *read = true,
                None => {}
            },
            "p" => {
                let place = self.place();
                self.paragraphs.push(Paragraph { place, ..Paragraph::default() });
            }
            "pStyle" => {
                let level = attribute(start, "val").and_then(|style| self.levels.get(&style).copied());
                self.paragraphs.last_mut().into_iter().for_each(|paragraph| paragraph.level = level);
            }
            "numPr" => self.paragraphs.last_mut().into_iter().for_each(|paragraph| paragraph.is_item = true),
            "hyperlink" => {
                let link = attribute(start, "id").and_then(|id| self.links.get(&id).cloned());
                self.paragraphs.last_mut().into_iter().for_each(|paragraph| paragraph.link.clone_from(&link));
            }
            "r" => self.paragraphs.last_mut().into_iter().for_each(|paragraph| {
                (paragraph.bold, paragraph.left_out) = (false, false);
            }),
            "b" => self.paragraphs.last_mut().into_iter().for_each(|paragraph| paragraph.bold = is_on(start)),
            "vanish" | "footnoteReference" | "endnoteReference" if is_on(start) => self.leave_out(),
            "rStyle" if attribute(start, "val").is_some_and(|style| self.hidden.contains(&style)) => self.leave_out(),
            "t" => self.in_text = true,
            "tab" | "br" => self.text(" "),
            "tbl" if self.tables.len() < MAX_TABLES => {
                let place = self.place();
                self.tables.push(TableRows::new(self.paragraphs.len(), place));
            }
            "tr" => self.tables.last_mut().into_iter().for_each(TableRows::begin_row),
            "tc" => self.tables.last_mut().into_iter().for_each(TableRows::begin_cell),
            "gridBefore" => {
                let columns = number(start);
                self.tables.last_mut().into_iter().for_each(|table| table.skip(columns));
            }
            "gridSpan" => {
                let columns = number(start);
                self.tables.last_mut().into_iter().for_each(|table| table.span(columns));
            }
            "vMerge" if attribute(start, "val").is_none_or(|val| val == "continue") => {
                self.tables.last_mut().into_iter().for_each(TableRows::go_on);
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if self.left_out > 0 {
            self.left_out -= 1;
            return;
        }
        match name {
            "AlternateContent" => {
                self.alternates.pop();
            }
            "t" => self.in_text = false,
            "hyperlink" => self.paragraphs.last_mut().into_iter().for_each(|paragraph| paragraph.link = None),
            "p" => self.close_paragraph(),
            "tbl" => self.close_table(),
            _ => {}
        }
    }

    /// The place of what begins in a text box.
    fn place(&mut self) -> usize {
        if !self.paragraphs.is_empty() {
            self.boxed.push(None);
        }
        self.boxed.len().saturating_sub(1)
    }

    fn text(&mut self, text: &str) {
        let Some(paragraph) = self.paragraphs.last_mut().filter(|paragraph| !paragraph.left_out) else { return };
        match paragraph.runs.last_mut() {
            Some(run) if run.bold == paragraph.bold && run.link == paragraph.link => run.text.push_str(text),
            _ => {
                let (bold, link) = (paragraph.bold, paragraph.link.clone());
                paragraph.runs.push(Run { text: text.to_owned(), bold, link });
            }
        }
    }

    /// The run that is read says nothing from here on.
    fn leave_out(&mut self) {
        self.paragraphs.last_mut().into_iter().for_each(|paragraph| paragraph.left_out = true);
    }

    fn close_paragraph(&mut self) {
        let Some(mut paragraph) = self.paragraphs.pop() else { return };
        write_link(&mut paragraph);
        let within = self.tables.last().map_or(0, |table| table.within);
        if self.paragraphs.len() > within {
            if let Some(place) = self.boxed.get_mut(paragraph.place) {
                *place = Some(Boxed::Paragraph(paragraph));
            }
            return;
        }
        self.write(&paragraph);
        if self.paragraphs.is_empty() {
            for boxed in std::mem::take(&mut self.boxed).into_iter().flatten() {
                match boxed {
                    Boxed::Paragraph(paragraph) => self.write(&paragraph),
                    Boxed::Table(text) => self.block(&text, None),
                }
            }
        }
    }

    /// Writes a paragraph into the cell that is open, or as a block.
    fn write(&mut self, paragraph: &Paragraph) {
        if let Some(cell) = self.tables.last_mut().and_then(TableRows::cell) {
            let text = paragraph.runs.iter().map(|run| run.text.as_str()).collect::<String>();
            if !cell.is_empty() && !text.trim().is_empty() {
                cell.push(' ');
            }
            cell.push_str(text.split_whitespace().collect::<Vec<_>>().join(" ").as_str());
            return;
        }
        let text = marked(paragraph);
        if text.is_empty() {
            return;
        }
        let kind = match () {
            () if paragraph.level.is_some() => None,
            () if paragraph.is_item => Some(LineKind::Item),
            () => pair(&text, 0..text.len()).map(|_| LineKind::Pair),
        };
        let line = match (paragraph.level, kind) {
            (Some(level), _) => format!("{} {text}", "#".repeat(level)),
            (None, Some(LineKind::Item)) => format!("- {text}"),
            (None, _) => text,
        };
        self.block(&line, kind);
    }

    fn block(&mut self, text: &str, kind: Option<LineKind>) {
        if !self.out.is_empty() {
            let follows = kind.is_some() && kind == self.line_before;
            self.out.push_str(if follows { "\n" } else { "\n\n" });
        }
        self.out.push_str(text);
        self.line_before = kind;
    }

    fn close_table(&mut self) {
        let Some(table) = self.tables.pop() else { return };
        self.cells = self.cells.saturating_add(table.size());
        if table.size() == 0 || self.cells > MAX_CELLS {
            return;
        }
        // The texts of merged cells are repeated: so many bytes count as a cell.
        self.cells = self.cells.saturating_add(table.written() / BYTES_OF_A_CELL);
        if self.cells > MAX_CELLS {
            return;
        }
        // A table within a table becomes text of its cell.
        if let Some(cell) = self.tables.last_mut().and_then(TableRows::cell) {
            cell.push_str(&table.text());
            return;
        }
        let text = table.markdown();
        match self.boxed.get_mut(table.place).filter(|_| !self.paragraphs.is_empty()) {
            Some(place) => *place = Some(Boxed::Table(text)),
            None => self.block(&text, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::archive::tests::packed;

    fn docx(body: &str) -> Vec<u8> {
        let styles = r#"<w:styles xmlns:w="w"><w:style w:type="paragraph" w:styleId="Titre1"><w:name w:val="heading 1"/></w:style><w:style w:type="character" w:styleId="Masque"><w:name w:val="masque"/><w:rPr><w:vanish/></w:rPr></w:style></w:styles>"#;
        let document = format!(r#"<?xml version="1.0"?><w:document xmlns:w="w"><w:body>{body}</w:body></w:document>"#);
        let relations = r#"<Relationships><Relationship Id="rId1" Type="t/hyperlink" Target="https://wiki.example/x" TargetMode="External"/></Relationships>"#;
        packed(&[(DOCUMENT, document.as_bytes()), (STYLES, styles.as_bytes()), (RELATIONS, relations.as_bytes())])
    }

    fn read(body: &str) -> Result<String, CorpusError> {
        markdown(&"a.docx".into(), &docx(body))
    }

    #[test]
    fn paragraphs_lists_and_tables_become_markdown() {
        let p = |text: &str| format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>");
        let pair = |key: &str, value: &str| {
            format!(
                "<w:p><w:r><w:rPr><w:b/></w:rPr><w:t>{key}</w:t></w:r><w:r><w:t xml:space=\"preserve\"> : {value}</w:t></w:r></w:p>"
            )
        };
        let cell = |text: &str| format!("<w:tc>{}</w:tc>", p(text));
        let body = [
            "<w:p><w:pPr><w:pStyle w:val=\"Titre1\"/></w:pPr><w:r><w:t>GIDAF</w:t></w:r></w:p>".to_owned(),
            pair("Responsable", "Jean"),
            pair("Hébergeur", "R&amp;D &#233;"),
            p("Some &lt;words&gt;."),
            "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>one</w:t></w:r></w:p><w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>two</w:t></w:r></w:p><w:p/>".to_owned(),
            format!("<w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>", cell("App"), cell("Host"), cell("X"), cell("Y")),
        ]
        .concat();
        assert_eq!(
            read(&body).unwrap(),
            "# GIDAF\n\n**Responsable** : Jean\n**Hébergeur** : R&D é\n\nSome <words>.\n\n- one\n- two\n\n| App | Host |\n| --- | --- |\n| X | Y |"
        );
    }

    #[test]
    fn a_text_that_is_merged_over_gigabytes_is_refused_before_it_is_written() {
        let long = format!(
            "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>",
            (0..150_000_u32).map(|i| format!("{:x}", i.wrapping_mul(2_654_435_761))).collect::<String>()
        );
        let below = "<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr></w:tc></w:tr>".repeat(2000);
        let e = read(&format!("<w:tbl><w:tr>{long}</w:tr>{below}</w:tbl>")).unwrap_err();
        assert!(matches!(e, CorpusError::ManyCells { .. }), "{e}");
    }

    #[test]
    fn properties_before_a_tracked_change_are_not_those_of_the_cell() {
        let cell = |properties: &str, text: &str| {
            format!("<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>")
        };
        let before = "<w:tcPrChange><w:tcPr><w:gridSpan w:val=\"2\"/><w:vMerge/></w:tcPr></w:tcPrChange>";
        let rows = format!(
            "<w:tr>{}{}</w:tr><w:tr>{}{}</w:tr>",
            cell("", "App"),
            cell("", "Host"),
            cell(before, "X"),
            cell("", "Y")
        );
        let text = read(&format!("<w:tbl>{rows}</w:tbl>")).unwrap();
        assert_eq!(text, "| App | Host |\n| --- | --- |\n| X | Y |");
    }

    #[test]
    fn a_merged_cell_stands_in_its_rows_and_columns() {
        let cell = |properties: &str, text: &str| {
            format!("<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>")
        };
        let row = |cells: &[String]| format!("<w:tr>{}</w:tr>", cells.concat());
        let two = "<w:gridSpan w:val=\"2\"/>";
        let rows = [
            row(&[cell("", "App"), cell("", "Host"), cell("", "Backup"), cell("", "Team")]),
            // Without the span `Ops` would be the backup.
            row(&[cell("", "GIDAF"), cell(two, "OVH"), cell("<w:vMerge w:val=\"restart\"/>", "Ops")]),
            row(&[cell("", "Melipo"), cell("", "AWS"), cell("", "DSI"), cell("<w:vMerge/>", "")]),
            row(&[cell("<w:gridSpan w:val=\"4\"/>", "Retired")]),
            "<w:tr><w:trPr><w:gridBefore w:val=\"1\"/></w:trPr>".to_owned() + &cell("", "Azure") + "</w:tr>",
        ];
        assert_eq!(
            read(&format!("<w:tbl>{}</w:tbl>", rows.concat())).unwrap(),
            "| App | Host | Backup | Team |\n| --- | --- | --- | --- |\n| GIDAF | OVH | OVH | Ops |\n| Melipo | AWS | DSI | Ops |\n\
             | Retired |  |  |  |\n|  | Azure |  |  |"
        );
    }

    #[test]
    fn hidden_text_and_marks_of_notes_are_left_out() {
        let run = |properties: &str, text: &str| {
            format!("<w:r><w:rPr>{properties}</w:rPr><w:t xml:space=\"preserve\">{text}</w:t></w:r>")
        };
        let hidden = [
            run("", "Host: OVH"),
            run("<w:vanish/>", " secret"),
            run("<w:rStyle w:val=\"Masque\"/>", " secret"),
            run("<w:vanish w:val=\"0\"/>", " Cloud"),
            "<w:r><w:footnoteReference w:id=\"2\"/></w:r>".to_owned(),
            "<w:r><w:footnoteReference w:customMarkFollows=\"1\" w:id=\"3\"/><w:t>*</w:t></w:r>".to_owned(),
        ];
        assert_eq!(read(&format!("<w:p>{}</w:p>", hidden.concat())).unwrap(), "Host: OVH Cloud");
        // The mark of the paragraph's end is hidden, its text is not.
        let shown = format!("<w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr>{}</w:p>", run("", "shown"));
        assert_eq!(read(&shown).unwrap(), "shown");
    }

    #[test]
    fn a_link_that_is_a_value_keeps_its_address() {
        let link = |text: &str| format!("<w:hyperlink r:id=\"rId1\"><w:r><w:t>{text}</w:t></w:r></w:hyperlink>");
        let run = |text: &str| format!("<w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r>");
        for (body, expected) in [
            (format!("{}{}", run("Wiki : "), link("wiki")), "Wiki : [wiki](https://wiki.example/x)"),
            (format!("{}{}", run("Wiki : "), link("https://wiki.example/x")), "Wiki : https://wiki.example/x"),
            (link("wiki"), "[wiki](https://wiki.example/x)"),
            (format!("{}{}{}", run("See the "), link("wiki"), run(" for more.")), "See the wiki for more."),
        ] {
            assert_eq!(read(&format!("<w:p>{body}</w:p>")).unwrap(), expected);
        }
    }

    #[test]
    fn text_boxes_follow_their_paragraph_once() {
        let p = |text: &str| format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>");
        let shape = |held: &str| format!("<wps:txbx><w:txbxContent>{held}</w:txbxContent></wps:txbx>");
        let both = |held: &str| {
            let (choice, fallback) = (shape(held), format!("<w:pict>{}</w:pict>", shape(held)));
            format!(
                "<mc:AlternateContent><mc:Choice>{choice}</mc:Choice><mc:Fallback>{fallback}</mc:Fallback></mc:AlternateContent>"
            )
        };
        let heading =
            "<w:p><w:pPr><w:pStyle w:val=\"Titre1\"/></w:pPr><w:r><w:rPr><w:b/></w:rPr><w:t>Box</w:t></w:r></w:p>";
        let table = format!("<w:tbl><w:tr><w:tc>{}</w:tc></w:tr></w:tbl>", p("cell"));
        let held = format!("{heading}{}{table}", p(&format!("inner{}", both(&p("innermost")))));
        let around = |held: &str| {
            format!("<w:p><w:r><w:t>before</w:t>{}</w:r><w:r><w:t> and after</w:t></w:r></w:p>", both(held))
        };
        assert_eq!(
            read(&around(&held)).unwrap(),
            "before and after\n\n# Box\n\ninner\n\ninnermost\n\n| cell |\n| --- |"
        );
        let in_cell = format!("<w:tbl><w:tr><w:tc>{}</w:tc></w:tr></w:tbl>", around(&p("inner")));
        assert_eq!(read(&in_cell).unwrap(), "| before and after inner |\n| --- |");
        let deep = "<w:p><w:r><w:t>x".repeat(20_000);
        let ends = "</w:t></w:r></w:p>".repeat(20_000);
        assert_eq!(read(&format!("{deep}{ends}")).unwrap().matches('x').count(), 20_000);
    }

    #[test]
    fn damaged_and_hostile_documents_are_refused() {
        assert!(matches!(read("<w:p>&unknown;</w:p>"), Err(CorpusError::Entities { .. })));
        assert!(matches!(read("<w:p></w:q>"), Err(CorpusError::Xml { .. })));
        let none = packed(&[("word/other.xml", b"<a/>")]);
        assert!(matches!(markdown(&"a.docx".into(), &none), Err(CorpusError::Archive { .. })));
        let deep = "<w:tbl><w:tr><w:tc>".repeat(20_000);
        assert!(read(&format!("{deep}{}", "</w:tc></w:tr></w:tbl>".repeat(20_000))).is_ok());
        // One wide row makes every other row as wide: 1.5 GB of empty cells.
        let ragged = format!(
            "<w:tbl><w:tr>{}</w:tr>{}</w:tbl>",
            "<w:tc/>".repeat(20_000),
            "<w:tr><w:tc/></w:tr>".repeat(25_000)
        );
        assert!(matches!(read(&ragged), Err(CorpusError::ManyCells { .. })));
        let spans =
            "<w:tr><w:tc><w:tcPr><w:gridSpan w:val=\"18446744073709551615\"/></w:tcPr></w:tc></w:tr>".repeat(10_000);
        assert!(matches!(read(&format!("<w:tbl>{spans}</w:tbl>")), Err(CorpusError::ManyCells { .. })));
    }
}
