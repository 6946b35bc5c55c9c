#!/usr/bin/env python3
"""Writes tests/fixtures/tickets_fr/train.jsonl and suite.jsonl: a French ticket classifier, 192 and 40 examples.

Invented text from lists and a fixed linear congruential generator, so that every run writes the same bytes.
"""
import json
import pathlib

SYSTEM = "Classe le ticket du client. Réponds par un seul mot : facturation, livraison, technique, compte ou retour."
OPENINGS = ["Bonjour,", "Bonsoir,", "Madame, Monsieur,", "Salut,", "Urgent :", "Deuxième message :", "À l'attention du support,", ""]
PRODUCTS = ["la cafetière", "le casque audio", "l'aspirateur", "la tablette", "la lampe de bureau", "le vélo pliant",
            "l'imprimante", "la montre", "le clavier", "la bouilloire", "le sac à dos", "l'enceinte"]
ENDINGS = ["Merci d'avance.", "Je compte sur vous.", "Que dois-je faire ?", "Cordialement.", "C'est la commande {n}.",
           "Mon numéro de client est le {n}.", "J'attends votre réponse.", ""]
BODIES = {
    "facturation": ["on m'a débité deux fois pour {p}.", "le montant de la facture pour {p} est faux.",
                    "je n'ai jamais reçu la facture de {p}.", "la remise promise sur {p} n'apparaît pas sur ma facture.",
                    "pouvez-vous refaire la facture de {p} au nom de ma société ?"],
    "livraison": ["le colis avec {p} n'est toujours pas arrivé.", "le livreur a laissé {p} chez un inconnu.",
                  "le suivi de {p} est bloqué depuis {d} jours.", "puis-je changer l'adresse où {p} doit arriver ?",
                  "{p} devait arriver il y a {d} jours."],
    "technique": ["{p} ne s'allume plus depuis {d} jours.", "{p} affiche l'erreur {d} au démarrage.",
                  "{p} fait un bruit étrange quand je m'en sers.", "la mise à jour de {p} échoue à chaque essai.",
                  "{p} s'éteint tout seul après {d} minutes."],
    "compte": ["je ne peux plus me connecter pour suivre {p}.", "j'ai oublié mon mot de passe avant d'acheter {p}.",
               "comment changer l'adresse électronique de mon profil ? J'y ai enregistré {p}.",
               "mon profil est verrouillé depuis que j'ai commandé {p}.", "je veux supprimer mon profil, je n'ai plus {p}."],
    "retour": ["je veux renvoyer {p}, la couleur ne me plaît pas.", "comment échanger {p} contre un autre modèle ?",
               "je renonce à mon achat : je vous rends {p}.", "sous combien de jours puis-je rendre {p} ?",
               "j'ai reçu {p} en double et j'en renvoie un exemplaire."],
}


class Numbers:
    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def tickets(count, seed, seen, taken=frozenset()):
    """As many (text, complaint, label) as asked; no text is in `seen`, no complaint in `taken`."""
    numbers, labels = Numbers(seed), list(BODIES)
    pick = lambda items: items[numbers.below(len(items))]
    while count:
        label = labels[count % len(labels)]
        body = pick(BODIES[label]).format(p=pick(PRODUCTS), d=2 + numbers.below(17))
        opening, ending = pick(OPENINGS), pick(ENDINGS).format(n=10000 + numbers.below(90000))
        text = " ".join(part for part in (opening, body if opening else body[0].upper() + body[1:], ending) if part)
        if text not in seen and body not in taken:
            seen.add(text)
            count -= 1
            yield text, body, label


def main():
    folder = pathlib.Path(__file__).parent.parent / "fixtures" / "tickets_fr"
    folder.mkdir(exist_ok=True)
    seen = set()
    turn = lambda role, content: {"role": role, "content": content}
    trained = list(tickets(192, 1, seen))
    train = [{"messages": [turn("system", SYSTEM), turn("user", t), turn("assistant", label)]} for t, _, label in trained]
    # A suite with a complaint that was trained, in another frame, would measure memory. The role has the system text.
    asked = tickets(40, 2, seen, taken={body for _, body, _ in trained})
    suite = [{"id": f"t{i + 1:02}", "category": label, "prompt": t, "expected": [label]} for i, (t, _, label) in enumerate(asked)]
    for name, rows in (("train", train), ("suite", suite)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")


main()
