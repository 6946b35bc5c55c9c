//! Units in the names of attributes: `poids (kg)`, `prix TTC (€)`, `price_usd`.

use std::collections::{BTreeMap, BTreeSet};

use super::Corpus;
use super::kind_fold::attribute_key;
use super::kind_number::{is_currency, is_unit};

/// A name of an attribute, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UnitName {
    /// Without the unit.
    pub(super) attribute: String,
    /// As it is written behind a number.
    pub(super) measure: String,
}

/// Units that end a name without brackets, as a number's measure writes them. Shorter ones are words, too.
const ENDINGS: &[(&str, &str)] = &[
    ("€", "€"),
    ("$", "$"),
    ("£", "£"),
    ("%", "%"),
    ("k€", "k€"),
    ("eur", "EUR"),
    ("euro", "euros"),
    ("euros", "euros"),
    ("usd", "USD"),
    ("dollars", "dollars"),
    ("gbp", "GBP"),
    ("chf", "CHF"),
    ("cad", "CAD"),
    ("jpy", "JPY"),
    ("kg", "kg"),
    ("mg", "mg"),
    ("km", "km"),
    ("cm", "cm"),
    ("mm", "mm"),
    ("ml", "ml"),
    ("m2", "m²"),
    ("m²", "m²"),
    ("m3", "m³"),
    ("m³", "m³"),
    ("ko", "ko"),
    ("mo", "Mo"),
    ("go", "Go"),
    ("kb", "kB"),
    ("mb", "MB"),
    ("gb", "GB"),
    ("tb", "TB"),
    ("kib", "KiB"),
    ("mib", "MiB"),
    ("gib", "GiB"),
    ("tib", "TiB"),
    ("ms", "ms"),
    ("hz", "Hz"),
    ("khz", "kHz"),
    ("mhz", "MHz"),
    ("ghz", "GHz"),
    ("kw", "kW"),
    ("kwh", "kWh"),
    ("mwh", "MWh"),
    ("mah", "mAh"),
    ("px", "px"),
    ("dpi", "dpi"),
];
/// Folded: a name does not end with them once its unit is gone.
const LINKS: &[&str] = &["en", "in", "de", "of", "par", "per", "d'", "nombre", "number", "nb"];

/// None: the name has no unit.
pub(super) fn unit_name(name: &str) -> Option<UnitName> {
    let name = name.trim().trim_end_matches([':', '*']).trim();
    let found = in_brackets(name).or_else(|| at_end(name))?;
    let letters = found.attribute.chars().filter(|c| c.is_alphabetic()).count();
    let key = attribute_key(&found.attribute);
    (letters >= 2 && key.split(' ').next_back().is_some_and(|last| !LINKS.contains(&last))).then_some(found)
}

/// `Poids (kg)`, `prix [€ TTC]`, `délai (en jours)`
fn in_brackets(name: &str) -> Option<UnitName> {
    let (open, inner) = [('(', ')'), ('[', ']')].iter().find_map(|(open, close)| {
        let inner = name.strip_suffix(*close)?;
        let at = inner.rfind(*open)?;
        Some((at, inner.get(at + 1..)?.trim()))
    })?;
    let inner = ["en ", "in "].iter().find_map(|link| inner.strip_prefix(link)).unwrap_or(inner).trim();
    let attribute = name.get(..open)?;
    let first = inner.split([' ', '/']).next().unwrap_or_default();
    // `Agent(s)` is no number of seconds.
    let fits =
        attribute.ends_with([' ', '\u{a0}', '_']) || first.chars().count() > 1 || !inner.contains(char::is_alphabetic);
    let words = inner.split_whitespace().count();
    let attribute = attribute.trim_end_matches([' ', '\u{a0}', '_']).to_owned();
    (fits && words <= 2 && is_unit(first)).then(|| UnitName { attribute, measure: inner.to_owned() })
}

/// `price_usd`, `prix HT €`, `taille en Mo`
fn at_end(name: &str) -> Option<UnitName> {
    let separators = [' ', '_', '-', '\u{a0}'];
    let (rest, last) = name.rsplit_once(separators)?;
    let lower = last.to_lowercase();
    let (_, measure) = ENDINGS.iter().find(|(ending, _)| *ending == lower)?;
    let rest = rest.trim_end_matches(separators);
    let linked = [" en", " in", "_en", "_in"].iter().find_map(|link| rest.strip_suffix(link));
    let attribute = linked.unwrap_or(rest).trim_end_matches(separators).to_owned();
    // A unit that the name writes with a capital letter is written as such.
    let own = last.chars().any(char::is_uppercase) && !is_currency(&lower);
    Some(UnitName { attribute, measure: if own { last.to_owned() } else { (*measure).to_owned() } })
}

/// Names with a unit of each document, as written.
pub(super) struct UnitNames<'a> {
    of: BTreeMap<(usize, &'a str), UnitName>,
}

impl<'a> UnitNames<'a> {
    /// Where a document has an attribute in several units (`price_usd`, `price_eur`), their names keep them.
    pub(super) fn new(corpus: &'a Corpus) -> Self {
        let mut names: BTreeMap<usize, BTreeSet<&'a str>> = BTreeMap::new();
        for unit in &corpus.units {
            let of_document = names.entry(unit.document).or_default();
            of_document.extend(unit.fields.iter().map(|field| field.key.as_str()));
        }
        let mut of = BTreeMap::new();
        for (document, names) in names {
            let apart: Vec<(&str, Option<UnitName>)> = names.into_iter().map(|name| (name, unit_name(name))).collect();
            if apart.iter().all(|(_, found)| found.is_none()) {
                continue;
            }
            let mut written: BTreeMap<String, usize> = BTreeMap::new();
            for (name, found) in &apart {
                let attribute = found.as_ref().map_or(*name, |found| &found.attribute);
                *written.entry(attribute_key(attribute)).or_default() += 1;
            }
            for (name, found) in apart {
                if let Some(found) = found.filter(|f| written.get(&attribute_key(&f.attribute)) == Some(&1)) {
                    of.insert((document, name), found);
                }
            }
        }
        Self { of }
    }

    pub(super) fn get(&self, document: usize, name: &'a str) -> Option<&UnitName> {
        self.of.get(&(document, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_taken_out_of_names() {
        for (name, attribute, measure) in [
            ("poids (kg)", "poids", "kg"),
            ("prix TTC (€)", "prix TTC", "€"),
            ("Prix [€ HT] :", "Prix", "€ HT"),
            ("price usd", "price", "USD"),
            ("price_usd", "price", "USD"),
            ("size_mb", "size", "MB"),
            ("Taille en Mo", "Taille", "Mo"),
            ("délai (en jours)", "délai", "jours"),
            ("Consommation (kWh/an)", "Consommation", "kWh/an"),
            ("budget (k€)", "budget", "k€"),
            ("TVA %", "TVA", "%"),
            ("surface_m2", "surface", "m²"),
            ("hauteur (m)", "hauteur", "m"),
        ] {
            let expected = UnitName { attribute: attribute.to_owned(), measure: measure.to_owned() };
            assert_eq!(unit_name(name), Some(expected), "{name}");
        }
        for name in
            ["Agent(s)", "poids", "nom (court)", "budget min", "nombre de km", "kg", "(kg)", "prix (€", "x_kg", "logo"]
        {
            assert_eq!(unit_name(name), None, "{name}");
        }
    }
}
