//! Which characters of a name or a text must not reach a terminal as they are.

/// Characters that a terminal acts on instead of showing them: control characters of C0 (but newline and tab) and C1,
/// those that change the direction of writing, separators of lines, tags and annotations.
pub fn terminal_acts_on(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        c => c.is_control(),
    }
}
