//! What a refusal says, as patterns of words.
//!
//! A pattern is a list of elements with spaces between them. An element is a word, alternatives (`a|b`), a beginning of a word
//! (`mention~`), a class (`@source`), up to N words of any kind (`*N`), the beginning of the sentence (`^`) or its end (`$`).
//! Words are in lower case and without accents; an apostrophe divides words (`n'ai` is `n ai`, `don't` is `don t`).

/// Alternatives that several patterns share, by their name.
pub(super) const CLASSES: &[(&str, &str)] = &[
    (
        "@source",
        "extrait|extraits|document|documents|contexte|contextes|texte|textes|source|sources|passage|passages|corpus|\
         documentation|documentaire|element|elements|catalogue|fiche|fiches|contenu|extract|extracts|context|contexts|text|\
         texts|excerpt|excerpts|snippet|snippets|material|materials|evidence|catalog",
    ),
    (
        "@given",
        "fourni|fournis|fournie|fournies|donne|donnes|transmis|consultes|ci|disponible|disponibles|provided|given|available|above|1|2|3|4|5|6|7|8|9",
    ),
    (
        "@info",
        "information~|info|infos|reponse|reponses|donnee|donnees|renseignement~|indication~|mention|mentions|precision~|detail~",
    ),
    (
        "@states",
        "contien~|mentionn~|precis~|indiqu~|donn~|fourn~|permet|permett~|parl~|dit|disent|couvr~|evoqu~|abord~|trait~|\
         comport~|signal~|specif~|renseign~|repond~|nomm~",
    ),
    (
        "@stated",
        "mentionne~|precise~|indique~|donne|donnee|donnees|fourni~|communique~|specifie~|renseigne~|presente|presentes|present|\
         presents|disponible~|aborde~|evoque~|decrit~|connu~|trouve~",
    ),
    ("@none", "pas|rien|aucun|aucune|nullement|guere"),
    (
        "@tell",
        "repondre|renseigner|donner|fournir|determiner|dire|savoir|indiquer|preciser|confirmer|trouver|communiquer|identifier",
    ),
    (
        "@states_en",
        "mention|contain|say|specify|state|provide|tell|give|include|indicate|cover|answer|list|address|discuss|name|reveal",
    ),
    (
        "@stated_en",
        "mentioned|specified|stated|provided|given|available|included|indicated|found|listed|covered|addressed|discussed|present",
    ),
    ("@tell_en", "find|answer|provide|determine|tell|say|locate|see|give|confirm|identify|help"),
    ("@info_en", "information|info|data|detail|details|mention|indication|record|records|knowledge"),
];

pub(super) const PATTERNS: &[&str] = &[
    // French: what the speaker does not know, have, find or can't do.
    "je|nous ne|n *1 sais|savons|connais|connaissons *1 pas|rien|aucun|aucune",
    "je|j|nous|on *1 ignore|ignorons",
    "je|nous ne|n *1 dispose|disposons|possede|possedons|ai|avons|detiens *2 @none *4 @info|trouve|acces|reponse|element|elements",
    "je|nous ne|n *1 dispose|ai|avons *1 rien",
    "je|nous n ai|avons *1 trouve *1 aucun|aucune",
    "je|nous ne|n dispose|disposons|ai|avons d *1 aucun|aucune *2 @info|element|elements",
    "je|nous ne|n *1 dispose|disposons|ai|avons *1 suffisamment|assez *2 @info|elements",
    "je|nous ne *1 trouve|trouvons|vois|voyons *1 @none",
    "on ne trouve *1 @none *3 @info|@source",
    "je|nous ne *1 peux|pouvons|suis|sommes *2 pas *3 @tell",
    "je|nous ne puis *2 @tell",
    "je|nous ne|n suis|sommes *1 pas *1 sur|sure|certain|certaine",
    "je|nous manque|manquons d|de *1 @info|elements",
    "je|nous suis|sommes *1 incapable~ de|d *2 @tell",
    "je|nous ne saurais|saurions *3 @tell",
    "je|nous n ai|avons *1 @none *1 connaissance|idee",
    "^ aucune idee",
    "faute d|de @info|elements",
    "je|nous prefere|preferons ne pas repondre",
    // What the sources do not say.
    "@source ne|n *2 @states *1 @none",
    "@source @given ne|n *2 @states *1 @none",
    "@source a ma|notre disposition ne|n *2 @states *1 @none",
    "@source *12 mais|et ne|n *2 @states *1 @none",
    "donnees|elements|informations|@source dont|que je|nous dispose|disposons|ai|avons ne|n *2 @states *1 @none",
    "aucun|aucune *2 @source *2 ne|n *1 @states",
    "@source|@info *1 est|sont insuffisant~",
    "@source *1 ne|n *1 fait|font *1 @none|reference *1 reference|mention|etat|pas",
    "@source *1 est|sont|reste|restent *1 muet~|silencieu~|insuffisant~",
    "@source ne *1 se prononce~ pas",
    "rien dans *1 @source",
    "rien n est|a *1 dit|indique|precise|mentionne|specifie",
    "textes|extraits|documents|sources n en|y *1 parlent|disent|mentionnent",
    "question|cela *1 depasse|sort *3 @source|cadre",
    "hors *2 perimetre|champ|cadre|sujet *3 @source",
    // What is not in the sources.
    "ne|n *1 figur~|trouv~|apparai~ @none *4 @source",
    "n est|sont|etait|a *1 pas *1 @stated *4 @source",
    "n est|sont *1 @stated dans aucun|aucune *2 @source",
    "d|selon|dans|sur *4 @source *8 n est|sont pas *1 @stated",
    "ne|n *1 figur~|trouv~|apparai~ dans|en aucun|aucune *2 @source",
    "ne|n *1 figur~|trouv~|apparai~|@stated nulle part",
    "il|ce|cela|ca n est pas|nullement dit|@stated",
    "il n existe pas|aucun|aucune *6 @source",
    "introuvable~ *2 @source",
    "est|sont|semble|semblent absent~ de|des|du *1 @source",
    "cette|l information|reponse *1 n est pas *1 @stated",
    "cette|l information|reponse *1 n a pas ete *1 @stated",
    "aucun|aucune @info *8 @source",
    "aucun|aucune @info *6 disponible|trouve|trouvee|trouvees|connue",
    "aucun|aucune information~|renseignement~|indication~|precision~|detail *2 n est|a *1 @stated",
    "je|nous n|ne *2 @none *1 ete *1 en|capable *1 mesure|de *1 @tell",
    "rien ne *1 permet de|d *4 @source|repondre|dire|affirmer|savoir",
    "reste|restent|demeure|demeurent *1 sans reponse",
    "m|nous est *1 difficile|impossible de|d *2 @tell",
    "il n y a|avait pas|aucun|aucune *1 information~|renseignement~|mention|indication~|precision~",
    "il n existe pas|aucun|aucune *1 information~|renseignement~|mention|indication~|precision~",
    "^ pas d|de information~|renseignement~|reponse|indication~|mention",
    "^ aucun|aucune information~|renseignement~|indication~ a|sur|concernant|au|$",
    "^ non @stated",
    "^ information~|reponse|donnee|donnees *1 non|in @stated",
    "^ information~|reponse|donnee indisponible|absente|introuvable|inconnue|manquante",
    "^ inconnu|inconnue|indisponible|unknown|unavailable|unclear $",
    "^ n a $",
    "impossible de|d *1 @tell",
    "n est|sont|etait pas *1 precise~|specifie~|mentionne~|indique~|communique~|renseigne~|connu~ $",
    "aucun|aucune *5 n est|sont|a *2 dans *2 @source",
    "@source *6 mais|but pas|not|nothing|rien",
    "il n est|etait pas possible de|d *1 repondre|determiner|savoir|dire|connaitre|etablir",
    "^ *4 il n est pas possible de|d *1 @tell *6 @source",
    "question ne peut *1 recevoir|trouver",
    "ne peux|peut pas repondre a cette|la|votre question",
    // English: what the speaker does not know, have, find or can't do.
    "i|we do|did|don|didn not|t *1 know",
    "i|we do|don not|t *1 have *2 @info_en|access|enough|sufficient|answer",
    "i|we have|found|find|see no *1 @info_en|idea|answer",
    "i|we *1 found no *1 trace|sign|reference|result|results",
    "i|we cannot|can|could|couldn|am|was|were|wasn *1 not|t|unable *2 @tell_en",
    "i|we cannot *1 @tell_en",
    "i|we can|could|couldn|m|am|was|wasn not|t|unable *3 @tell_en",
    "i m|am not *1 sure|certain",
    "i m not sure",
    "i|we lack *2 @info_en|context",
    "i m|am|we|are not|unaware|unfamiliar *1 aware|familiar|of|with",
    "^ no idea",
    "not|isn something *2 @source|i *1 cover|covers|can|answer|discuss|mention",
    "not enough|sufficient @info_en|context|evidence",
    "insufficient @info_en|context|evidence",
    "outside|beyond *1 scope *2 @source|question",
    // What the sources do not say.
    "@source do|does|did|don|doesn|didn not|t *1 @states_en",
    "@source @given do|does|don|doesn not|t *1 @states_en",
    "@source *8 but do|does|don|doesn not|t *1 @states_en",
    "@source provide|provides|give|gives|contain|contains|offer|offers|have|has no *2",
    "@source is|are *1 silent|insufficient|unclear",
    "@source is|are not sufficient|enough",
    "@source *1 contain|contains|say|says|mention|mentions nothing",
    "@source never @states_en",
    "@source never mentions|says|states|specifies",
    "i|we do|did|don|didn not|t *1 see|find",
    "@source makes|make no mention|reference",
    "@source lack|lacks|omit|omits *2",
    "^ it do|does|doesn not|t *1 say|mention|specify",
    "none of *2 @source",
    "nothing in *2 @source",
    "no @source *2 mention~|contain~|say~|answer~",
    // What is not in the sources.
    "is|are|was|were|isn|aren *1 not|t *1 @stated_en *3 @source",
    "answer|information|detail|that|this|it is|isn not|t in *2 @source",
    "do|does|doesn|don not|t *1 appear *1 in|anywhere *3 @source",
    "absent|missing|omitted from *2 @source",
    "it|this|that is|isn not|t *1 @stated_en",
    "based|according|from|in *4 @source *8 not|t|cannot *2 @stated_en|possible|determine|determined",
    "that|this|the|requested information|answer is|was|isn *1 not|t *1 @stated_en|known|clear",
    "there is|s|are|was|isn|aren no|not|t *2 @info_en",
    "no @info_en|answer *3 given|available|provided|found",
    "no @info_en|answer *6 @source",
    "^ no *1 @info_en|answer on|about|available|found|$",
    "^ not @stated_en",
    "^ *1 information|answer|data not|unavailable",
    "unclear|clear from *2 @source",
    "not|t possible to *1 determine|say|tell|know|answer *6 @source",
    "impossible to *1 determine|say|tell|know|answer|establish",
    "is|are|was|isn|aren|wasn not|t *1 specified|mentioned|stated|disclosed|indicated|documented $",
    "no *5 is|are|was|were *1 described|mentioned|listed|found|named|documented in *2 @source",
    "i|we found|see|find nothing",
    "answer|question|this|that cannot|can|could|couldn *1 be *1 found|answered|determined|inferred",
];

/// After one of these `source` and `text` are no texts that were given.
pub(super) const NO_SOURCE: &[&str] = &["fichier", "fichiers", "code", "codes", "champ", "champs"];

/// A sentence with one of these says that there is no *more* to be told.
pub(super) const MORE: &[&str] = &[
    "autre|autres|davantage|supplementaire~|further|additional|other|else",
    "pas|rien|aucun plus d|de",
    "more @info_en|details",
];

/// What follows is set against what stands before.
pub(super) const CONTRAST: &[&str] =
    &["mais", "cependant", "toutefois", "neanmoins", "but", "however", "though", "pourtant"];

/// After a contrast, the beginning of an offer of help, which answers nothing.
pub(super) const HELP: &[&str] = &[
    "vous",
    "je",
    "j",
    "nous",
    "n",
    "consultez",
    "veuillez",
    "essayez",
    "contactez",
    "le",
    "you",
    "i",
    "we",
    "please",
    "try",
    "feel",
    "consult",
    "contact",
    "check",
];

/// A sentence that speaks of a case (`si`, `quand`) before its negation states no lack of knowledge.
pub(super) const CONDITION: &[&str] = &["si", "quand", "lorsque", "lorsqu", "if", "when", "whenever", "unless"];
