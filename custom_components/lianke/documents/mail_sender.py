"""Find out whether the server that received a message has verified the sender (RFC 8601, Authentication-Results)."""

from collections.abc import Iterable


def is_sender_proven(headers: Iterable[str], server: str, sender: str) -> bool | None:
    """Return whether the server verified the domain of the sender's address; None if it has not judged the message.

    `headers` are the values of all Authentication-Results headers, the topmost first. Only the server's topmost header
    counts: headers below it came with the message, and anybody can write them. DMARC counts, and DKIM of the same
    domain or a parent domain. SPF alone does not count: many customers of a provider pass SPF for each other's domains.
    """
    domain = sender.rpartition("@")[2].strip().lower()
    for header in headers:
        said, *results = _split(header)
        if said.partition(" ")[0] == server.strip().lower():
            return bool(domain) and any(_proves(result, domain) for result in results)
    return None


def _proves(result: str, domain: str) -> bool:
    words = [word.partition("=") for word in result.split()]
    if not words or words[0][2] != "pass":
        return False
    properties = {name: value for name, _, value in words[1:]}
    match words[0][0].partition("/")[0]:
        case "dmarc":
            return properties.get("header.from") == domain
        case "dkim":
            by = properties.get("header.d") or properties.get("header.i", "").rpartition("@")[2]
            return "." in by and f".{domain}".endswith(f".{by}")
    return False


def _split(header: str) -> list[str]:
    """Return a header's parts, which semicolons separate, in lower case and without comments and quotation marks."""
    parts = [""]
    depth, is_quoted, is_escaped = 0, False, False
    for character in header:
        if is_escaped:
            is_escaped = False
        elif character == "\\" and (depth or is_quoted):
            is_escaped = True
            continue
        elif character == '"' and not depth:
            is_quoted = not is_quoted
            continue
        elif character == "(" and not is_quoted:
            depth += 1
        elif character == ")" and depth:
            depth -= 1
            continue
        elif character == ";" and not depth and not is_quoted:
            parts.append("")
            continue
        if not depth:
            # Spaces in a quoted text do not begin a new word.
            parts[-1] += "_" if is_quoted and character.isspace() else character.lower()
    return [" ".join(part.split()) for part in parts]
