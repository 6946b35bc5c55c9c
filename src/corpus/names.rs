//! Names that keys, columns and headings have, in French and English.

use unicode_normalization::UnicodeNormalization;

use super::names_of_languages::{ENGLISH, FRENCH};
use super::names_of_parts::PART;

/// A name for comparison: letters and digits only, in lower case and without accents.
pub(super) fn name_key(name: &str) -> String {
    name.nfd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Lists of folded names, the likelier ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    Text,
    Title,
    /// Titles that are names, not codes.
    Naming,
    /// Titles of messages, which say what each is about.
    Subject,
    /// What tells records apart that have no name, but numbers.
    Reference,
    Source,
    Id,
    /// Objects that only hold what a record says.
    Wrapper,
    /// Those of them that programs write beside a text.
    Metadata,
    /// Bookkeeping of the programs that write records.
    Technical,
    /// Bookkeeping where programs write it, and attributes of things where people do.
    Ambiguous,
    /// Numbers of an embedding.
    Vector,
    /// Objects that group keys, and whose own key says nothing about these.
    Container,
    /// Keys that name nothing without the key above them, which is enough.
    General,
    /// Keys that say little without the key above them.
    Weak,
    /// Keys that say nothing without the key above them.
    Preposition,
    /// Headings of a part of a description.
    Part,
    /// Heads of a column of keys.
    Key,
    /// Heads of a column of values.
    Value,
    /// Common attributes.
    Attribute,
    /// Attributes whose value is an address of the web.
    Address,
    /// Texts of links that say nothing without the address.
    Linking,
    /// Attributes that French alone calls so.
    French,
    /// Attributes that English alone calls so.
    English,
}

impl Names {
    pub(super) fn has(self, folded: &str) -> bool {
        self.rank(folded).is_some()
    }

    /// Whether the first or the last word of a column's name is one of these: `order no` and `ref client` are references; `order date`,
    /// `ticket price` and `number of users` are not.
    pub(super) fn begin_or_end(self, name: &str) -> bool {
        let words: Vec<String> =
            name.split(|c: char| !c.is_alphanumeric()).map(name_key).filter(|word| !word.is_empty()).collect();
        let counts = words.get(1).is_some_and(|word| ["of", "de", "d"].contains(&word.as_str()));
        let has = |word: &String| self.has(word) && !NUMBERED.contains(&word.as_str());
        !counts && words.first().into_iter().chain(words.last()).any(has)
    }

    /// How likely the name is, from 0.
    pub(super) fn rank(self, folded: &str) -> Option<usize> {
        self.list().iter().position(|name| *name == folded)
    }

    fn list(self) -> &'static [&'static str] {
        match self {
            Self::Text => TEXT,
            Self::Title => TITLE,
            Self::Naming => NAMING,
            Self::Subject => SUBJECT,
            Self::Reference => REFERENCE,
            Self::Source => SOURCE,
            Self::Id => ID,
            Self::Wrapper => WRAPPER,
            Self::Metadata => METADATA,
            Self::Technical => TECHNICAL,
            Self::Ambiguous => AMBIGUOUS,
            Self::Vector => VECTOR,
            Self::Container => CONTAINER,
            Self::General => GENERAL,
            Self::Weak => WEAK,
            Self::Preposition => PREPOSITION,
            Self::Part => PART,
            Self::Key => KEY,
            Self::Value => VALUE,
            Self::Attribute => ATTRIBUTE,
            Self::Address => ADDRESS,
            Self::Linking => LINKING,
            Self::French => FRENCH,
            Self::English => ENGLISH,
        }
    }
}

/// Things that have a number: beside another word, they are not the number.
const NUMBERED: &[&str] = &["order", "commande", "ticket", "invoice", "facture"];
const TEXT: &[&str] = &[
    "pagecontent",
    "text",
    "texte",
    "content",
    "contenu",
    "chunktext",
    "chunk",
    "body",
    "corps",
    "passage",
    "document",
    "documents",
    "paragraph",
    "paragraphe",
    "fulltext",
];
const TITLE: &[&str] = &[
    "title",
    "titre",
    "name",
    "nom",
    "heading",
    "app",
    "application",
    "appname",
    "applicationname",
    "nomapplication",
    "package",
    "paquet",
    "product",
    "produit",
    "entity",
    "entite",
    "libelle",
    "label",
    "intitule",
    "subject",
    "sujet",
    "objet",
    "key",
];
const NAMING: &[&str] =
    &["designation", "nom", "name", "titre", "title", "libelle", "label", "intitule", "product", "produit"];
const SUBJECT: &[&str] = &["subject", "sujet", "objet"];
const REFERENCE: &[&str] = &[
    "reference",
    "ref",
    "id",
    "identifiant",
    "identifier",
    "numero",
    "number",
    "no",
    "num",
    "code",
    "sku",
    "ticket",
    "ticketid",
    "order",
    "orderid",
    "commande",
    "invoice",
    "invoiceid",
    "facture",
];
const SOURCE: &[&str] = &[
    "source",
    "file",
    "fichier",
    "filename",
    "filepath",
    "path",
    "chemin",
    "documentid",
    "docid",
    "refdocid",
    "sourceid",
    "sourcefile",
    "documentname",
    "nomdufichier",
    "parentid",
    "url",
    "uri",
];
const ID: &[&str] = &[
    "id",
    "ids",
    "uuid",
    "guid",
    "identifiant",
    "identifier",
    "chunkid",
    "docid",
    "documentid",
    "nodeid",
    "pointid",
    "recordid",
];
const WRAPPER: &[&str] = &[
    "metadata",
    "metadatas",
    "meta",
    "payload",
    "node",
    "nodecontent",
    "document",
    "data",
    "record",
    "fields",
    "properties",
    "source",
    "content",
    "contenu",
];
const METADATA: &[&str] = &["metadata", "metadatas", "meta", "node", "nodecontent"];
const TECHNICAL: &[&str] = &[
    "excludedembedmetadatakeys",
    "excludedllmmetadatakeys",
    "startcharidx",
    "endcharidx",
    "startindex",
    "texttemplate",
    "metadatatemplate",
    "metadataseperator",
    "metadataseparator",
    "nodetype",
    "nodecontent",
    "chunk",
    "chunkno",
    "chunkindex",
    "chunknumber",
    "totalchunks",
    "tokencount",
    "ntokens",
    "numtokens",
    "charcount",
    "seqnum",
    "splitid",
    "splitidxstart",
    "offset",
    "id",
    "ids",
    "uuid",
    "guid",
    "chunkid",
    "docid",
    "documentid",
    "refdocid",
    "nodeid",
    "pointid",
    "recordid",
    "parentid",
    "sourceid",
];
const AMBIGUOUS: &[&str] = &[
    "relationships",
    "classname",
    "mimetype",
    "hash",
    "checksum",
    "sha256",
    "md5",
    "score",
    "distance",
    "page",
    "pagelabel",
    "pagenumber",
    "loc",
];
const VECTOR: &[&str] = &["embedding", "embeddings", "vector", "vectors", "sparsevector"];
const GENERAL: &[&str] = &["name", "nom", "value", "valeur", "label", "libelle", "text", "texte", "title", "titre"];
const CONTAINER: &[&str] = &[
    "attributes",
    "attributs",
    "informations",
    "information",
    "infos",
    "info",
    "details",
    "detail",
    "proprietes",
    "champs",
    "metadonnees",
    "donnees",
];
const WEAK: &[&str] = &["id", "date", "type", "status", "statut"];
const PREPOSITION: &[&str] =
    &["by", "on", "at", "in", "of", "to", "from", "for", "with", "par", "le", "la", "de", "du", "a", "en", "pour"];
const KEY: &[&str] = &[
    "champ",
    "attribut",
    "cle",
    "propriete",
    "caracteristique",
    "critere",
    "parametre",
    "element",
    "rubrique",
    "field",
    "key",
    "attribute",
    "property",
    "parameter",
    "item",
    "characteristic",
    "setting",
];
const VALUE: &[&str] = &["valeur", "value", "valeurs", "values"];
const ATTRIBUTE: &[&str] = &[
    "responsable",
    "hebergeur",
    "hebergement",
    "technologie",
    "technologies",
    "criticite",
    "version",
    "utilisateurs",
    "domaine",
    "date",
    "url",
    "site",
    "dependances",
    "statut",
    "etat",
    "langage",
    "licence",
    "editeur",
    "proprietaire",
    "equipe",
    "taille",
    "adresse",
    "telephone",
    "email",
    "owner",
    "host",
    "hosting",
    "technology",
    "criticality",
    "users",
    "domain",
    "homepage",
    "dependencies",
    "status",
    "language",
    "license",
    "vendor",
    "publisher",
    "maintainer",
    "team",
    "size",
    "address",
    "phone",
    "description",
    "type",
    "categorie",
    "category",
];

const ADDRESS: &[&str] =
    &["url", "uri", "link", "lien", "site", "siteweb", "website", "homepage", "web", "pageweb", "webpage"];
const LINKING: &[&str] = &[
    "here",
    "ici",
    "clickhere",
    "cliquezici",
    "link",
    "lien",
    "url",
    "web",
    "site",
    "website",
    "siteweb",
    "page",
    "open",
    "ouvrir",
    "see",
    "voir",
    "more",
    "plus",
    "wiki",
    "doc",
    "docs",
    "documentation",
    "homepage",
    "accueil",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_accents_and_marks() {
        assert_eq!(name_key("Hébergeur_principal (FR)"), "hebergeurprincipalfr");
        assert_eq!(name_key("page_content"), "pagecontent");
        assert!(Names::Attribute.has(&name_key("Criticité")));
        assert!(Names::Title.rank("title") < Names::Title.rank("application"));
    }

    #[test]
    fn listed_names_are_folded() {
        for names in [
            TEXT,
            TITLE,
            NAMING,
            SOURCE,
            ID,
            WRAPPER,
            METADATA,
            TECHNICAL,
            AMBIGUOUS,
            VECTOR,
            CONTAINER,
            GENERAL,
            WEAK,
            PREPOSITION,
            PART,
            KEY,
            VALUE,
            ATTRIBUTE,
            ADDRESS,
            LINKING,
        ] {
            assert!(names.iter().all(|name| name_key(name) == *name), "{names:?}");
        }
        assert!(METADATA.iter().all(|name| Names::Wrapper.has(name)));
    }
}
