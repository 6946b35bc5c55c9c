//! The currency of amounts that another column or line gives: `Price: 7.90`, `Currency: GBP`.

use std::collections::BTreeMap;

use super::kind_fold::attribute_key;
use super::kind_number::is_currency;
use super::{Kind, Unit};

/// Folded keys of currencies.
const CURRENCIES: &[&str] = &["currency", "currency code", "devise", "monnaie"];
/// Folded words of keys whose values are amounts of money.
const AMOUNTS: &[&str] = &[
    "amount", "budget", "cost", "costs", "cout", "couts", "fee", "fees", "montant", "montants", "price", "prices",
    "prix", "rent", "loyer", "salaire", "salary", "tarif", "tarifs", "turnover", "revenue",
];

/// Of one unit: the currency of each entity that has one alone.
pub(super) struct Currencies<'a> {
    /// None where an entity has several.
    of: BTreeMap<Option<&'a str>, Option<&'a str>>,
}

impl<'a> Currencies<'a> {
    pub(super) fn new(unit: &'a Unit) -> Self {
        let mut of: BTreeMap<Option<&str>, Option<&str>> = BTreeMap::new();
        for field in unit.fields.iter().filter(|field| CURRENCIES.contains(&attribute_key(&field.key).as_str())) {
            let values = field.values.iter().map(|value| value.trim());
            for value in values.filter(|value| is_currency(&value.to_lowercase())) {
                let known = of.entry(field.entity.as_deref()).or_insert(Some(value));
                // Which of two is an amount's nobody knows.
                *known = known.filter(|known| known.eq_ignore_ascii_case(value));
            }
        }
        Self { of }
    }

    /// Of a bare number under this folded key.
    pub(super) fn of(&self, entity: Option<&str>, key: &str, kind: Kind) -> Option<&'a str> {
        let is_amount = kind == Kind::Number && key.split(' ').any(|word| AMOUNTS.contains(&word));
        self.of.get(&entity).copied().flatten().filter(|_| is_amount)
    }
}
