"""What search engines read of an article: schema.org's Article with its AudioObject."""

from __future__ import annotations

from typing import Any

from brume.narration.model.site.about import Published, Site


def linked_data(one: Published, site: Site) -> dict[str, Any]:
    """Return the JSON-LD of an article's page.

    `speakable` names the parts of the page that an assistant may read aloud (SpeakableSpecification).
    """
    page = absolute(site, one.page)
    audio = [
        {
            "@type": "AudioObject",
            "name": one.title,
            "contentUrl": absolute(site, f"{one.folder}/{file.path}"),
            "encodingFormat": file.type.partition(";")[0],
            "contentSize": str(file.bytes),
            "duration": iso_duration(one.seconds),
            "inLanguage": one.language,
            "transcript": absolute(site, f"{one.folder}/transcript.txt"),
        }
        for file in one.audio
    ]
    found: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": one.title,
        "inLanguage": one.language,
        "mainEntityOfPage": one.address or page,
        "url": page,
        "wordCount": one.words,
        "image": absolute(site, f"{one.folder}/cover.jpg"),
        "audio": audio,
        "speakable": {"@type": "SpeakableSpecification", "cssSelector": [".headline", ".summary"]},
        "publisher": {"@type": "Organization", "name": site.title},
    }
    if one.author:
        found["author"] = {"@type": "Person", "name": one.author}
    if one.date:
        found["datePublished"] = one.date
    if one.section:
        found["articleSection"] = one.section
    if one.summary:
        found["description"] = one.summary
    return found


def absolute(site: Site, path: str) -> str:
    """Return the URL of a file of the site, its path from the root without an address."""
    return f"{site.address}/{path}"


def iso_duration(seconds: float) -> str:
    """Return a duration of ISO 8601: PT1H2M3S."""
    whole = max(round(seconds), 1)
    parts = ((whole // 3600, "H"), (whole // 60 % 60, "M"), (whole % 60, "S"))
    return "PT" + "".join(f"{value}{unit}" for value, unit in parts if value)
