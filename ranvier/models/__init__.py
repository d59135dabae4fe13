"""Small versions of networks from the literature, created by name. A card describes each one and is saved with it; some have trained weights."""

from ranvier.models._card import Card
from ranvier.models._create import card, create, example
from ranvier.models._create import list_models as list
from ranvier.models._folder import from_pretrained
from ranvier.models._folder import save_model as save
from ranvier.models._generate import generate
from ranvier.models._registry import register

__all__ = ["Card", "card", "create", "example", "from_pretrained", "generate", "list", "register", "save"]
