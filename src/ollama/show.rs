//! `/api/show`: what only its Modelfile says is read from there.

use super::wire::ShowResponse;
use super::{Show, parameters};
use crate::modelfile::{Command, Modelfile};

/// What a tune has from its base: architecture and number of parameters, to three digits: a few values beside the matrices, such
/// as the frequencies of rotary positions, are counted by one program and not by another.
pub fn architecture(name: &str, parameters: u64) -> String {
    let (unit, letter) = match parameters {
        0..1_000_000 => (1e3, 'K'),
        1_000_000..1_000_000_000 => (1e6, 'M'),
        _ => (1e9, 'B'),
    };
    let count = parameters as f64 / unit;
    let decimals = if count < 10.0 { 2 } else { usize::from(count < 100.0) };
    format!("{name}, {count:.decimals$}{letter} parameters")
}

impl Show {
    /// [`architecture`] of its weights; None where the daemon does not say.
    pub fn architecture(&self) -> Option<String> {
        let name = self.model_info.get("general.architecture")?.as_str()?;
        let parameters = self.model_info.get("general.parameter_count")?.as_u64()?;
        Some(architecture(name, parameters))
    }

    pub(super) fn from_wire(shown: ShowResponse) -> Self {
        let said = |text: String| Some(text).filter(|t| !t.is_empty());
        // FROM and ADAPTER are written first, a line each, so they are read even where a later text can't be.
        let paths = |word: &str| {
            let lines = shown.modelfile.lines().take_while(|l| !l.starts_with("TEMPLATE"));
            let rest = lines.filter_map(|l| l.strip_prefix(word)?.strip_prefix(' '));
            rest.map(|p| p.trim().trim_matches('"').to_owned()).collect::<Vec<_>>()
        };
        let (from, adapters) = (paths("FROM").into_iter().next().unwrap_or_default(), paths("ADAPTER"));
        let commands = Modelfile::parse(&shown.modelfile).map(|m| m.commands).unwrap_or_default();
        let (mut renderer, mut parser, mut license) = (said(shown.renderer), said(shown.parser), Vec::new());
        for command in commands {
            match command {
                Command::Renderer(name) => renderer = said(name),
                Command::Parser(name) => parser = said(name),
                Command::License(text) => license.push(text),
                _ => {}
            }
        }
        // Licences come joined beside; apart only in the Modelfile.
        if license.is_empty() {
            license.extend(said(shown.license));
        }
        Self {
            renderer,
            parser,
            license,
            from,
            adapters,
            parameters: parameters::parse(&shown.parameters),
            family: shown.details.family,
            quantization: shown.details.quantization_level,
            format: shown.details.format,
            remote_host: said(shown.remote_host),
            modelfile: shown.modelfile,
            template: shown.template,
            system: shown.system,
            capabilities: shown.capabilities,
            model_info: shown.model_info,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_is_the_same_whoever_counts() {
        let said = |count: u64| architecture("llama", count);
        assert_eq!(said(1_235_814_432), said(1_235_814_400));
        assert_ne!(said(134_515_008), said(136_000_000));
        let counts = [1_234, 45_600_000, 134_515_008, 999_400_000, 1_543_714_304, 32_763_876_352];
        let shown = ["1.23K", "45.6M", "135M", "999M", "1.54B", "32.8B"];
        for (count, shown) in counts.into_iter().zip(shown) {
            assert_eq!(said(count), format!("llama, {shown} parameters"));
        }
        let info = serde_json::json!({"general.architecture": "qwen2", "general.parameter_count": 494_032_768});
        let model_info = info.as_object().unwrap().clone();
        let show = Show::from_wire(ShowResponse { model_info, ..ShowResponse::default() });
        assert_eq!(show.architecture().as_deref(), Some("qwen2, 494M parameters"));
        assert_eq!(Show::from_wire(ShowResponse::default()).architecture(), None);
    }

    #[test]
    fn a_text_that_looks_like_commands_is_none() {
        let modelfile = "# x\n# FROM s:v1\n\nFROM /m/sha256-b7\nADAPTER /m/sha256-a0\nTEMPLATE \"\"\"{{ .Prompt }}\nRENDERER fake\nFROM no\n\
                         ADAPTER no\"\"\"\nPARSER real\nLICENSE MIT\nLICENSE \"\"\"Apache\n2\"\"\"\n";
        let wire =
            ShowResponse { modelfile: modelfile.into(), license: "MIT\nApache\n2".into(), ..ShowResponse::default() };
        let show = Show::from_wire(wire);
        assert_eq!((show.from.as_str(), show.adapters.as_slice()), ("/m/sha256-b7", &["/m/sha256-a0".to_owned()][..]));
        assert_eq!((show.renderer, show.parser.as_deref()), (None, Some("real")));
        assert_eq!(show.license, ["MIT", "Apache\n2"]);
        let broken = ShowResponse {
            modelfile: "FROM /m/x\nTEMPLATE \"\"\"open".into(),
            license: "MIT".into(),
            ..ShowResponse::default()
        };
        let show = Show::from_wire(broken);
        assert_eq!((show.from.as_str(), show.license.as_slice()), ("/m/x", &["MIT".to_owned()][..]));
    }
}
