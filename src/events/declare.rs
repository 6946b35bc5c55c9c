//! One declaration for a kind of notice: the variant, its JSON form, and its row in docs/reference/events.md.

/// A variant of [`super::Note`] or [`super::Warning`], as the page on events shows it.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// The variant's name; its snake_case form is `kind` in JSON.
    pub(super) variant: &'static str,
    pub(super) meaning: &'static str,
    pub(super) fields: &'static [Field],
}

#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) ty: &'static str,
    /// The unit, or what it means; empty where the name says it.
    pub(super) meaning: &'static str,
}

/// Declares an enum whose variants have named fields and are tagged with `kind` in JSON.
macro_rules! notices {
    (
        $(#[$attribute:meta])*
        $name:ident {
            $(
                #[doc = $meaning:literal]
                $variant:ident {
                    $( $(#[doc = $unit:literal])? $field:ident: $ty:ty ),* $(,)?
                }
            ),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum $name {
            $( #[doc = $meaning] $variant { $( $(#[doc = $unit])? $field: $ty ),* } ),*
        }

        #[cfg(test)]
        impl $name {
            pub(super) const KINDS: &[crate::events::declare::Kind] = &[
                $( crate::events::declare::Kind {
                    variant: stringify!($variant),
                    meaning: $meaning,
                    fields: &[
                        $( crate::events::declare::Field {
                            name: stringify!($field),
                            ty: stringify!($ty),
                            meaning: concat!($($unit)?),
                        } ),*
                    ],
                } ),*
            ];
        }
    };
}

pub(super) use notices;
