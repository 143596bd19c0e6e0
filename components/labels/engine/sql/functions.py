"""DuckDB's functions that a query may use, and macros for those of Trino that differ.

The list is one of what is allowed: a function that a later DuckDB adds is refused until it stands here. None
of them reads a file, a setting, the environment, the network or the server's own state, sleeps, or keeps
something between queries. Sources: DuckDB's duckdb_functions(), and "Functions and operators" in Trino's
documentation, by which the macros are defined.
"""

from __future__ import annotations

import re

_OPERATORS = """
!~~ !~~* % & * ** + - -> ->> / // < << <= <> = > >= >> ^ | || ~ ~~ ~~* != ~~~ @> <@ !__postfix and or not
IS__DISTINCT__FROM IS__NOT__DISTINCT__FROM like_escape not_like_escape xor
"""

_SCALARS = """
abs acos acosh add age array_extract array_length array_slice array_to_string ascii asin asinh atan atan2
atanh base64 bin bit_count bit_length cardinality cast_to_type cbrt ceil ceiling century char_length
character_length chr coalesce concat concat_ws contains cos cosh cot current_date current_localtime
current_localtimestamp damerau_levenshtein date_diff date_part date_sub date_trunc day dayname dayofmonth
dayofweek dayofyear decade decode degrees divide element_at encode ends_with epoch epoch_ms epoch_us even
exp factorial filter flatten floor fmod from_base64 from_hex gcd generate_series get_current_timestamp
grade_up greatest hamming hex hour instr isfinite isinf isnan isodow isoyear jaccard jaro_similarity
jaro_winkler_similarity json json_array json_array_length json_contains json_exists json_extract
json_extract_path json_extract_path_text json_extract_string json_keys json_merge_patch json_object
json_quote json_structure json_type json_valid json_value last_day lcase lcm least left len length
levenshtein lgamma list_aggregate list_any_value list_append list_avg list_bool_and list_bool_or list_concat
list_contains list_count list_distinct list_element list_extract list_filter list_first list_has
list_has_all list_has_any list_histogram list_indexof list_intersect list_last list_max list_median list_min
list_mode list_pack list_position list_prepend list_product list_reduce list_resize list_reverse
list_reverse_sort list_select list_slice list_sort list_sum list_transform list_unique list_value list_where
list_zip ln log log10 log2 lower lpad ltrim make_date make_time make_timestamp map map_concat map_contains
map_entries map_extract map_extract_value map_from_entries map_keys map_values md5 md5_number microsecond
millennium millisecond minute mismatches mod month monthname multiply nanosecond nfc_normalize now nullif
octet_length ord overlay pi position pow power prefix printf quarter radians random range reduce
regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace
regexp_split_to_array repeat replace reverse right round row row_to_json rpad rtrim second sha1 sha256 sign
signbit sin sinh split split_part sqrt starts_with str_split str_split_regex strftime string_split
string_split_regex string_to_array strip_accents strlen strpos strptime struct_extract struct_extract_at
struct_insert struct_pack struct_position substr substring subtract suffix switch tan tanh time_bucket
timezone timezone_hour timezone_minute to_base to_base64 to_days to_hex to_hours to_json to_microseconds
to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years today
transaction_timestamp translate trim trunc try_strptime typeof ucase unbin unhex unicode upper url_decode
url_encode uuid array_append array_prepend array_reverse date_add days_in_month if week weekday weekofyear
year yearweek unnest generate_subscripts array_concat array_contains array_distinct array_has
array_has_all array_has_any array_intersect array_position array_sort array_transform array_filter
array_value list_has_any error
"""

_AGGREGATES = """
any_value approx_count_distinct approx_quantile arbitrary arg_max arg_max_null arg_min arg_min_null argmax
argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if count_star countif
covar_pop covar_samp entropy favg first fsum geomean geometric_mean group_concat histogram kahan_sum
kurtosis kurtosis_pop last list listagg mad max max_by mean median min min_by mode product quantile
quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
regr_sxy regr_syy sem skewness stddev stddev_pop stddev_samp string_agg sum sum_no_overflow sumkahan var_pop
var_samp variance grouping
"""

_WINDOWS = """
cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number
"""

# name(parameters) -> body. What Trino's documentation says and DuckDB does otherwise, in DuckDB's SQL.
MACROS = {
    # By zero, a double is infinite or no number; DuckDB fails, as it has to for whole numbers and decimals.
    "trino_divide(a, b)": (
        "CASE WHEN b = 0 AND (typeof(a) IN ('DOUBLE', 'FLOAT') OR typeof(b) IN ('DOUBLE', 'FLOAT')) "
        "THEN cast_to_type(a * CAST('Infinity' AS DOUBLE), a / b) ELSE a / b END"
    ),
    "trino_varchar(x)": (
        "CASE typeof(x) WHEN 'TIMESTAMP' THEN trino_milliseconds(CAST(x AS VARCHAR)) "
        "WHEN 'TIMESTAMP WITH TIME ZONE' "
        "THEN trino_milliseconds(split_part(CAST(x AS VARCHAR), '+', 1)) || ' UTC' "
        "ELSE CAST(x AS VARCHAR) END"
    ),
    "trino_milliseconds(t)": "left(rpad(CASE WHEN contains(t, '.') THEN t ELSE t || '.' END, 23, '0'), 23)",
    "trino_at_timezone(t, z)": "timezone(z, CAST(t AS TIMESTAMPTZ))",
    "trino_with_timezone(t, z)": "timezone(z, CAST(t AS TIMESTAMP))",
    "trino_date_trunc(part, t)": "cast_to_type(date_trunc(part, t), t)",
    "trino_plus(t, i)": "cast_to_type(t + i, t)",
    "trino_minus(t, i)": "cast_to_type(t - i, t)",
    "trino_sequence(a, b, i)": "cast_to_type(generate_series(a, b, i), [a])",
    "trino_to_iso8601(t)": (
        "CASE typeof(t) WHEN 'DATE' THEN strftime(CAST(t AS TIMESTAMP), '%Y-%m-%d') "
        "WHEN 'TIMESTAMP' THEN strftime(CAST(t AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%g') "
        "ELSE strftime(CAST(t AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%g') || 'Z' END"
    ),
    "trino_regexp_extract(s, p, g)": (
        "CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END"
    ),
    "trino_regexp_replace(s, p, r)": (
        r"regexp_replace(s, p, regexp_replace(replace(r, '\', '\\'), '\$(\d)', '\\\1', 'g'), 'g')"
    ),
    "trino_cardinality(a)": "CAST(cardinality(a) AS BIGINT)",  # DuckDB's has no sign, so that 1 - 2 fails
    "trino_json_array_length(j)": "CAST(json_array_length(j) AS BIGINT)",
    "trino_json_extract(j, p)": "CASE WHEN json_valid(j) THEN json_extract(j, p) END",
    "trino_json_extract_scalar(j, p)": (
        "CASE WHEN json_valid(j) AND json_type(j, p) NOT IN ('OBJECT', 'ARRAY', 'NULL') "
        "THEN json_extract_string(j, p) END"
    ),
    "trino_json_size(j, p)": (
        "CASE json_type(j, p) WHEN 'ARRAY' THEN json_array_length(j, p) "
        "WHEN 'OBJECT' THEN len(json_keys(j, p)) ELSE 0 END"
    ),
    "json_array_contains(j, v)": "CASE WHEN json_type(j) = 'ARRAY' THEN json_contains(j, to_json(v)) END",
    "trino_array_position(a, v)": (
        "CASE WHEN a IS NOT NULL AND v IS NOT NULL THEN coalesce(list_position(a, v), 0) END"
    ),
    "trino_slice(a, s, n)": (
        "CASE WHEN n = 0 THEN [] WHEN s > 0 OR s + n < 0 THEN list_slice(a, s, s + n - 1) "
        "ELSE list_slice(a, s, len(a)) END"
    ),
    "trino_array_distinct(a)": "list_filter(a, lambda x, i: list_position(a, x) = i)",
    "trino_array_remove(a, v)": "list_filter(a, lambda x: x IS DISTINCT FROM v)",
    "arrays_overlap(a, b)": "list_has_any(a, b)",
    "array_union(a, b)": "trino_array_distinct(list_concat(a, b))",
    "array_average(a)": "list_avg(a)",
    "map_agg(k, v)": "trino_first_entries(array_agg({'k': k, 'v': v}) FILTER (WHERE k IS NOT NULL))",
    "trino_keys(e)": "list_transform(e, lambda x: x.k)",
    "trino_first_entries(e)": (  # of those with the same key
        "CASE WHEN len(list_distinct(trino_keys(e))) = len(e) THEN map_from_entries(e) "
        "ELSE map_from_entries(list_filter(e, lambda x, i: list_position(trino_keys(e), x.k) = i)) END"
    ),
    "multimap_agg(k, v)": "trino_multimap(array_agg({'k': k, 'v': v}) FILTER (WHERE k IS NOT NULL))",
    "trino_multimap(e)": (
        "map_from_entries(list_transform(trino_array_distinct(trino_keys(e)), lambda y: "
        "{'k': y, 'v': list_transform(list_filter(e, lambda x: x.k = y), lambda x: x.v)}))"
    ),
    "approx_most_frequent(n, x, c)": (  # exact, so that the capacity does not matter
        "map_from_entries(list_transform(list_slice(list_reverse_sort(list_transform("
        "map_entries(histogram(x)), lambda e: {'n': e.value, 'k': e.key})), 1, n), "
        "lambda e: {'k': e.k, 'v': e.n}))"
    ),
    "e()": "exp(1)",
    "every(b)": "bool_and(b)",
    "codepoint(s)": "unicode(s)",
    "hamming_distance(a, b)": "hamming(a, b)",
    "normalize(s)": "nfc_normalize(s)",
    "nan()": "CAST('NaN' AS DOUBLE)",
    "infinity()": "CAST('Infinity' AS DOUBLE)",
    "trino_random(a, b)": "CAST(floor(random() * (b - a)) AS BIGINT) + a",
    "width_bucket(x, a, b, n)": (
        "CASE WHEN x < a THEN 0 WHEN x >= b THEN n + 1 "
        "ELSE CAST(floor((x - a) * n / (b - a)) AS BIGINT) + 1 END"
    ),
    "trino_typeof(x)": "lower(typeof(x))",
    "url_extract_host(u)": "nullif(regexp_extract(u, '^[^:/?#]+://(?:[^/?#@]*@)?([^/?#:]*)', 1), '')",
    "url_extract_path(u)": "regexp_extract(u, '^[^:/?#]+://[^/?#]*([^?#]*)', 1)",
    "url_extract_parameter(u, n)": (
        "nullif(url_decode(regexp_extract(u, '[?&]' || regexp_escape(n) || '=([^&#]*)', 1)), '')"
    ),
}  # fmt: skip

ALLOWED = frozenset(
    word.replace("__", " ") if word.startswith("IS__") else word
    for words in (_OPERATORS, _SCALARS, _AGGREGATES, _WINDOWS)
    for word in words.split()
) | {name.partition("(")[0] for name in MACROS}
ALLOWED_TABLES = frozenset(("unnest", "generate_series", "range"))


_BY_NAME = {head.partition("(")[0]: (head, body) for head, body in MACROS.items()}
_CALLED = re.compile(r"\b\w++(?=\()")


def called_macros(text: str) -> list[tuple[str, str]]:
    """Return the macros that a text calls, and those that they call, each after what it calls."""
    found: dict[str, tuple[str, str]] = {}

    def add(sql: str) -> None:
        for name in dict.fromkeys(_CALLED.findall(sql.lower())):
            if name in _BY_NAME and name not in found:
                add(_BY_NAME[name][1])
                found[name] = _BY_NAME[name]

    add(text)
    return list(found.values())
