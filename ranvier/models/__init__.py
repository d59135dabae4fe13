"""Named networks from the literature in small sizes: made by name, described by a card, saved with it, some of them trained."""

from ranvier.models._card import Card
from ranvier.models._create import card, create, example
from ranvier.models._create import list_models as list
from ranvier.models._folder import from_pretrained
from ranvier.models._folder import save_model as save
from ranvier.models._generate import generate
from ranvier.models._registry import register

__all__ = ["Card", "card", "create", "example", "from_pretrained", "generate", "list", "register", "save"]
