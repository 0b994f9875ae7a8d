"""Engines for a database's URL, and the URL without its secrets."""

from urllib.parse import quote, quote_plus

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from bigcommerce_b2b_invoices import ConfigurationError

MASK = "***"


def make_engine(url: str) -> Engine:
    """An engine for a database's URL.

    Raises:
        ConfigurationError: The text is not the URL of such a database, or a package is missing.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("the database must be a URL, such as sqlite:///invoices.db") from None
    except ValueError:  # its text may hold a part of a password
        raise ConfigurationError(
            "the port in the database's URL must be a number, as in postgresql://user@host:5432/name; an IPv6 address needs "
            "brackets, and a password needs %40 in place of an @"
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError(f"a mirror needs SQLite or PostgreSQL, not {parsed.get_backend_name()}: {shown(parsed)}")
    try:
        if parsed.get_backend_name() == "sqlite":
            return create_engine(parsed, hide_parameters=True, connect_args={"timeout": 30})
        return create_engine(parsed, hide_parameters=True, connect_args={"connect_timeout": 10})
    except ModuleNotFoundError as missing:
        raise ConfigurationError(f"{missing.name} is not installed: pip install 'bigcommerce-b2b-invoices[postgres]'") from None
    except (NoSuchModuleError, ArgumentError, ValueError, TypeError) as problem:
        raise unusable(parsed, problem) from None


def unusable(url: URL, problem: BaseException) -> ConfigurationError:
    """The error for a URL that its driver cannot read."""
    return ConfigurationError(f"{shown(url)} cannot be used: {masked(str(problem), url)}; correct the URL")


def shown(url: URL) -> str:
    """The URL without its password, and without the values of its options: any of them may hold a secret by mistake."""
    place = url.set(query={}).render_as_string(hide_password=True)
    return place if not url.query else f"{place}?{'&'.join(f'{quote(name)}={MASK}' for name in url.query)}"


def masked(text: str, url: URL) -> str:
    """The text of a database's error without the URL's password.

    Drivers quote the value of an option that they cannot read. It is hidden too, because a password may stand there by mistake.
    """
    options = {name: (value,) if isinstance(value, str) else value for name, value in url.query.items()}
    secrets = [str(url.password or ""), *(value for name in options if "pass" in name.lower() for value in options[name])]
    forms = {form for each in secrets if each for form in (each, quote(each, safe=""), quote_plus(each))}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    for value in {value for values in options.values() for value in values}:
        text = text.replace(f'"{value}"', f'"{MASK}"').replace(repr(value), f"'{MASK}'")
    return text
