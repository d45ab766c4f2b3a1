"""Remarque: say how pictures may be used by AI, check them, label them, verify all three.

The library knows no web framework and no database. Import what you need from its parts:
``preferences``, ``fingerprints``, ``matching``, ``labels``, ``log`` and ``client``.
"""

__version__ = "0.1.0"
