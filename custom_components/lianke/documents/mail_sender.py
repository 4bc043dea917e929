"""Whether the server that received a message has proved its sender (RFC 8601, Authentication-Results)."""

from collections.abc import Iterable


def is_sender_proven(headers: Iterable[str], server: str, sender: str) -> bool | None:
    """Whether the server proved the domain of the sender's address; None if it has said nothing about the message.

    `headers` are the values of all Authentication-Results, the topmost first. Only the topmost one of this server
    counts: those below came with the message, and anybody can write them. DMARC counts, and DKIM of the same domain or
    of a domain above it. SPF alone does not, since many customers of one provider pass it for each other.
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
    """Return the parts of a header between semicolons in lower case, without comments and quotation marks."""
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
