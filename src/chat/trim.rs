//! How a template strips the ends of a content, and the same in Go.

/// What is taken off one end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strip {
    #[default]
    Nothing,
    /// Newlines only, as `lstrip('\n')`.
    Newlines,
    /// All of Unicode's white space, as `|trim` and `.strip()`.
    Whitespace,
}

/// What a template takes off the ends of a content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trim {
    pub start: Strip,
    pub end: Strip,
}

/// Stands before and after a sentinel to see what is stripped: newlines outside, other white space inside.
const PAD: (&str, &str) = ("\n \t\u{a0}", "\u{a0}\t \n");

impl Trim {
    /// The content to probe with.
    pub fn padded(sentinel: &str) -> String {
        format!("{}{sentinel}{}", PAD.0, PAD.1)
    }

    /// Reads off what was stripped from a rendering, whose unpadded form had `before` and `after` around the sentinel.
    pub fn read(rendered: &str, sentinel: &str, before: &str, after: &str) -> Option<Self> {
        let (left, right) = rendered.split_once(sentinel)?;
        let start = strips(PAD.0).into_iter().find(|(kept, _)| left.strip_suffix(kept).is_some_and(|l| l == before))?;
        let end = strips(PAD.1).into_iter().find(|(kept, _)| right.strip_prefix(kept).is_some_and(|r| r == after))?;
        Some(Self { start: start.1, end: end.1 })
    }

    pub fn apply(self, text: &str) -> &str {
        let text = match self.start {
            Strip::Nothing => text,
            Strip::Newlines => text.trim_start_matches('\n'),
            Strip::Whitespace => text.trim_start(),
        };
        match self.end {
            Strip::Nothing => text,
            Strip::Newlines => text.trim_end_matches('\n'),
            Strip::Whitespace => text.trim_end(),
        }
    }

    /// The Go action that writes `value` stripped; the templates it calls are [`GO_DEFINES`].
    pub fn go(self, value: &str) -> String {
        let end = match self.end {
            Strip::Nothing => "",
            Strip::Newlines => "n",
            Strip::Whitespace => "w",
        };
        match self.start {
            Strip::Nothing if end.is_empty() => format!("{{{{ {value} }}}}"),
            Strip::Nothing => format!("{{{{ template \"end-{end}\" {value} }}}}"),
            Strip::Newlines => format!("{{{{ template \"start-n{end}\" {value} }}}}"),
            Strip::Whitespace => format!("{{{{ template \"start-w{end}\" {value} }}}}"),
        }
    }

    /// The `define`s that [`Self::go`] calls, given the trims in use. Go templates have no trim and no arithmetic:
    /// these call themselves on the rest of the text, and get "length − 1" by cutting one byte off as many spaces.
    pub fn go_defines(trims: &[Trim]) -> String {
        let mut out = String::new();
        for (strip, letter) in [(Strip::Newlines, "n"), (Strip::Whitespace, "w")] {
            for (end, end_letter) in [(Strip::Nothing, ""), (Strip::Newlines, "n"), (Strip::Whitespace, "w")] {
                if trims.iter().any(|t| t.start == strip && t.end == end) {
                    let next = match end {
                        Strip::Nothing => "{{ . }}".to_string(),
                        _ => format!("{{{{ template \"end-{end_letter}\" . }}}}"),
                    };
                    out.push_str(&define_start(&format!("start-{letter}{end_letter}"), strip, &next));
                }
            }
            if trims.iter().any(|t| t.end == strip) {
                out.push_str(&define_end(&format!("end-{letter}"), strip));
            }
        }
        out
    }
}

/// (what of the pad is kept, the strip that keeps it), the most stripped first.
fn strips(pad: &'static str) -> [(&'static str, Strip); 3] {
    [("", Strip::Whitespace), (pad.trim_matches('\n'), Strip::Newlines), (pad, Strip::Nothing)]
}

/// Unicode's White_Space as Go string literals; `printf "%.1s"` gives a text's first character.
const SPACES: &str = r#"" " "\n" "\t" "\r" "\v" "\f" "\u0085" "\u00a0" "\u1680" "\u2000" "\u2001" "\u2002" "\u2003" "\u2004" "\u2005" "\u2006" "\u2007" "\u2008" "\u2009" "\u200a" "\u2028" "\u2029" "\u202f" "\u205f" "\u3000""#;

fn define_start(name: &str, strip: Strip, next: &str) -> String {
    let set = if strip == Strip::Newlines { "\"\\n\"" } else { SPACES };
    format!(
        "{{{{ define \"{name}\" }}}}{{{{ $c := printf \"%.1s\" . }}}}{{{{ if eq $c {set} }}}}\
         {{{{ template \"{name}\" (slice . (len $c)) }}}}{{{{ else }}}}{next}{{{{ end }}}}{{{{ end }}}}"
    )
}

/// The last bytes of a text tell its last character where that is white space: one byte, C2 85, C2 A0, or three.
fn define_end(name: &str, strip: Strip) -> String {
    let less = |n: usize| format!("len (slice (printf \"%*s\" (len .) \"\") {n})");
    let again = |var: &str| format!("{{{{ template \"{name}\" (slice . 0 {var}) }}}}");
    if strip == Strip::Newlines {
        let n = less(1);
        return format!(
            "{{{{ define \"{name}\" }}}}{{{{ if . }}}}{{{{ $a := {n} }}}}{{{{ if eq (index . $a) 10 }}}}{}\
             {{{{ else }}}}{{{{ . }}}}{{{{ end }}}}{{{{ end }}}}{{{{ end }}}}",
            again("$a")
        );
    }
    let (one, two, three) = (less(1), less(2), less(3));
    format!(
        "{{{{ define \"{name}\" }}}}{{{{ if . }}}}{{{{ $a := {one} }}}}{{{{ $x := index . $a }}}}\
         {{{{ if eq $x 9 10 11 12 13 32 }}}}{a}\
         {{{{ else if lt (len .) 2 }}}}{{{{ . }}}}\
         {{{{ else }}}}{{{{ $b := {two} }}}}{{{{ $y := index . $b }}}}\
         {{{{ if and (eq $y 194) (eq $x 133 160) }}}}{b}\
         {{{{ else if lt (len .) 3 }}}}{{{{ . }}}}\
         {{{{ else }}}}{{{{ $c := {three} }}}}{{{{ $z := index . $c }}}}\
         {{{{ if or (and (eq $z 226) (eq $y 128) (eq $x 128 129 130 131 132 133 134 135 136 137 138 168 169 175)) \
         (and (eq $z 226) (eq $y 129) (eq $x 159)) (and (eq $z 227) (eq $y 128) (eq $x 128)) \
         (and (eq $z 225) (eq $y 154) (eq $x 128)) }}}}{c}\
         {{{{ else }}}}{{{{ . }}}}{{{{ end }}}}{{{{ end }}}}{{{{ end }}}}{{{{ end }}}}{{{{ end }}}}",
        a = again("$a"),
        b = again("$b"),
        c = again("$c"),
    )
}
