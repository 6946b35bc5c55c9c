//! Wrappers to Ollama's Go template, and to Jinja.

use super::trim::{Strip, Trim};
use super::{SystemPlace, Wrappers};

/// Text of an Ollama TEMPLATE that writes what the wrappers say. It uses only Go's own functions.
pub(super) fn go_template(w: &Wrappers) -> String {
    let [system_trim, user_trim, assistant_trim] = w.trim;
    let mut out = Trim::go_defines(&w.trim);
    let user = format!("{}{}", user_trim.go(".Content"), literal(&w.user.1));
    let plain_user = format!("{}{user}", literal(&w.user.0));
    let system = format!("{}{}{}", literal(&w.system.0), system_trim.go(".Content"), literal(&w.system.1));
    let (mut range, mut branches) = ("{{ range .Messages }}", String::from("{{ if "));
    let user = match w.system_place {
        SystemPlace::Nowhere => plain_user,
        SystemPlace::OwnTurn => {
            branches.push_str(&format!("eq .Role \"system\" }}}}{system}{{{{ else if "));
            plain_user
        }
        SystemPlace::FirstUser => {
            out.push_str("{{ $folded := false }}");
            branches.push_str(&format!("eq .Role \"system\" }}}}{system}{{{{ $folded = true }}}}{{{{ else if "));
            format!("{{{{ if not $folded }}}}{}{{{{ end }}}}{{{{ $folded = false }}}}{user}", literal(&w.user.0))
        }
        SystemPlace::LastUser => {
            range = "{{ range $i, $message := .Messages }}";
            let folded = format!("{}{}{}", literal(&w.system.0), system_trim.go("$.System"), literal(&w.system.1));
            format!(
                "{{{{ if and $.System (eq (len (slice $.Messages $i)) 1) }}}}{folded}{{{{ else }}}}{}{{{{ end }}}}{user}",
                literal(&w.user.0)
            )
        }
    };
    if !w.head.is_empty() {
        let head = literal(&w.head);
        match w.system_place {
            SystemPlace::OwnTurn | SystemPlace::FirstUser => {
                out.push_str(&format!("{{{{ if not .System }}}}{head}{{{{ end }}}}"));
            }
            SystemPlace::LastUser | SystemPlace::Nowhere => out.push_str(&head),
        }
    }
    out.push_str(range);
    out.push_str(&branches);
    out.push_str(&format!("eq .Role \"user\" }}}}{user}{{{{ else if eq .Role \"assistant\" }}}}"));
    out.push_str(&format!("{}{}{}", literal(&w.assistant.0), assistant_trim.go(".Content"), literal(&w.assistant.1)));
    out.push_str("{{ end }}{{ end }}");
    out.push_str(&literal(&w.generation_prompt));
    out
}

/// Text of a Jinja chat template that writes what the wrappers say.
pub(super) fn jinja(w: &Wrappers) -> String {
    let [system_trim, user_trim, assistant_trim] = w.trim.map(python_strip);
    let system = |content: &str| {
        format!("{{{{- {} + {content}{system_trim} + {} -}}}}", python(&w.system.0), python(&w.system.1))
    };
    let open_user = format!("{{{{- {} -}}}}", python(&w.user.0));
    let user = format!("{{{{- message['content']{user_trim} + {} -}}}}", python(&w.user.1));
    let (own, turn) = match w.system_place {
        SystemPlace::Nowhere => (String::new(), format!("{open_user}{user}")),
        SystemPlace::OwnTurn => (system("message['content']"), format!("{open_user}{user}")),
        SystemPlace::FirstUser => (
            format!("{}{{%- set ns.folded = true -%}}", system("message['content']")),
            format!("{{%- if not ns.folded -%}}{open_user}{{%- endif -%}}{{%- set ns.folded = false -%}}{user}"),
        ),
        SystemPlace::LastUser => (
            String::new(),
            format!(
                "{{%- if ns.system and loop.index0 == ns.last -%}}{}{{%- else -%}}{open_user}{{%- endif -%}}{user}",
                system("ns.system")
            ),
        ),
    };
    let mut out = String::from("{%- set ns = namespace(folded=false, system='', last=-1) -%}\n");
    if w.system_place == SystemPlace::LastUser {
        out.push_str(
            "{%- for message in messages -%}{%- if message['role'] == 'system' -%}{%- set ns.system = message['content'] -%}\
             {%- elif message['role'] == 'user' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}{%- endfor -%}\n",
        );
    }
    if !w.head.is_empty() {
        let head = format!("{{{{- {} -}}}}", python(&w.head));
        match w.system_place {
            SystemPlace::OwnTurn | SystemPlace::FirstUser => {
                out.push_str(&format!("{{%- if messages[0]['role'] != 'system' -%}}{head}{{%- endif -%}}\n"));
            }
            SystemPlace::LastUser | SystemPlace::Nowhere => out.push_str(&format!("{head}\n")),
        }
    }
    out.push_str("{%- for message in messages -%}\n");
    out.push_str(&format!("{{%- if message['role'] == 'system' -%}}{own}\n"));
    out.push_str(&format!("{{%- elif message['role'] == 'user' -%}}{turn}\n"));
    out.push_str(&format!(
        "{{%- elif message['role'] == 'assistant' -%}}{{{{- {} + message['content']{assistant_trim} + {} -}}}}\n",
        python(&w.assistant.0),
        python(&w.assistant.1)
    ));
    out.push_str("{%- endif -%}\n{%- endfor -%}\n");
    out.push_str(&format!(
        "{{%- if add_generation_prompt -%}}{{{{- {} -}}}}{{%- endif -%}}",
        python(&w.generation_prompt)
    ));
    out
}

/// Text as a string of Jinja's.
fn python(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\r', "\\r"))
}

/// The methods that strip a content, to stand after it.
fn python_strip(trim: Trim) -> String {
    let of = |strip, method: &str| match strip {
        Strip::Nothing => String::new(),
        Strip::Newlines => format!(".{method}('\\n')"),
        Strip::Whitespace => format!(".{method}()"),
    };
    of(trim.start, "lstrip") + &of(trim.end, "rstrip")
}

/// Text as a Go template writes it. What Go or a Modelfile would read as its own, or a person can't see, is quoted.
fn literal(text: &str) -> String {
    let odd = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\r' || (!c.is_ascii() && c.is_whitespace());
    if text.contains(['{', '}']) || text.contains("\"\"\"") || text.chars().any(odd) {
        let mut quoted = String::new();
        for c in text.chars() {
            match c {
                '"' => quoted.push_str("\\\""),
                '\\' => quoted.push_str("\\\\"),
                '\n' => quoted.push_str("\\n"),
                c if odd(c) || c == '\t' => quoted.push_str(&format!("\\u{:04x}", c as u32)),
                c => quoted.push(c),
            }
        }
        return format!("{{{{ \"{quoted}\" }}}}");
    }
    text.to_string()
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn literals_that_go_would_read_are_quoted() {
        assert_eq!(literal("<|im_end|>\n"), "<|im_end|>\n");
        assert_eq!(literal("{{x}}\n\"\r"), "{{ \"{{x}}\\n\\\"\\u000d\" }}");
    }
}
