"""What datapackage.json says of each taxon: its rank, what it belongs to, and its name to people.

Lineage: Catalogue of Life 2023. People: English, Russian and Chinese (ISO 639-3), the languages on
both sides of the leopards' border.
"""

from collections.abc import Iterable

from trapnode.model import Taxon

__all__ = ["taxonomic"]

LINEAGE = ("kingdom", "phylum", "class", "order", "family", "genus")
MAMMAL = "Animalia Chordata Mammalia"
RANKS = {  # Scientific name: rank, lineage as far as it is the taxon's, Russian, Chinese.
    "Panthera pardus": ("species", f"{MAMMAL} Carnivora Felidae Panthera", "леопард", "豹"),
    "Panthera tigris": ("species", f"{MAMMAL} Carnivora Felidae Panthera", "тигр", "虎"),
    "Ursidae": ("family", f"{MAMMAL} Carnivora Ursidae", "медведь", "熊"),
    "Sus scrofa": ("species", f"{MAMMAL} Artiodactyla Suidae Sus", "кабан", "野猪"),
    "Cervidae": ("family", f"{MAMMAL} Artiodactyla Cervidae", "олень", "鹿"),
    "Carnivora": ("order", f"{MAMMAL} Carnivora", "хищник", "食肉动物"),
    "Mammalia": ("class", MAMMAL, "млекопитающее", "哺乳动物"),
    "Aves": ("class", "Animalia Chordata Aves", "птица", "鸟"),
    "Homo sapiens": ("species", f"{MAMMAL} Primates Hominidae Homo", "человек", "人"),
    "Animalia": ("kingdom", "Animalia", "животное", "动物"),
}


def taxonomic(taxa: Iterable[Taxon]) -> list[dict[str, object]]:
    """Describe the taxa that have a name, each once, in the order of their names."""
    named = {each.scientific_name: each for each in taxa if each.scientific_name}
    return [_described(name, taxon) for name, taxon in sorted(named.items())]


def _described(name: str, taxon: Taxon) -> dict[str, object]:
    people = {"eng": taxon.vernacular_name}
    if name not in RANKS:
        return {"scientificName": name, "vernacularNames": people}
    rank, lineage, russian, chinese = RANKS[name]
    return {
        "scientificName": name,
        "taxonRank": rank,
        **dict(zip(LINEAGE, lineage.split(), strict=False)),
        "vernacularNames": {**people, "rus": russian, "zho": chinese},
    }
