from __future__ import annotations

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


def _without_source_maps(patterns: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(pattern for pattern in patterns if "sourceMappingURL" not in str(pattern))


class HashedStaticFiles(ManifestStaticFilesStorage):
    """Hashed names, so that files are cached for ever; imports between our ES modules are rewritten too.

    Source maps of installed libraries are not served, so references to them are left as they are.
    """

    support_js_module_import_aggregation = True
    max_post_process_passes = 20  # one for each module in the longest chain of imports; Django's own five are fewer than ours
    patterns = tuple((glob, _without_source_maps(found)) for glob, found in ManifestStaticFilesStorage.patterns)
