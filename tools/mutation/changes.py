"""Small changes of a source, and where in it each is."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from itertools import zip_longest
from types import CodeType
from typing import TypeGuard

_NEED_ARGUMENTS = ("VariableInserter", "VariableReplacer")
_ORDER_OF_THE_SAME = re.compile(r".*_Is(Not)?_[LG]tE?")
"""What would compare by order what is compared for being one and the same."""
_NETDB = ("AF", "AI", "SOCK", "IPPROTO")


def changes(source: str) -> Iterator[tuple[str, str]]:
    """Each changed source, with the operator that changed it: one statement after another."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    names = [
        name
        for name in operator_names()
        if not (name.endswith(_NEED_ARGUMENTS) or _ORDER_OF_THE_SAME.fullmatch(name))
    ]
    lines = source.splitlines(keepends=True)
    for node in ast.parse(source).body:
        decorators = getattr(node, "decorator_list", ())
        first, end = min(one.lineno for one in (node, *decorators)) - 1, node.end_lineno
        statement = "".join(lines[first:end])
        nodes = list(ast_nodes(get_ast(statement)))
        seen = {meaning(statement)}
        for name in names:
            operator = get_operator(name)()
            for number in range(sum(len(list(operator.mutation_positions(one))) for one in nodes)):
                changed = mutate_code(statement, operator, number)
                try:
                    meant = meaning(changed)
                except SyntaxError:
                    continue
                if meant not in seen:
                    seen.add(meant)
                    yield name, "".join((*lines[:first], changed, *lines[end:]))


def meaning(source: str) -> str:
    """The source without what decides nothing: annotations, what keeps values, how
    arguments may be given, what is put into words, whether small numbers and words are compared
    with == or ``is``, and which of two words is before the other.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            if node.name == "__str__":
                node.body = []
            node.decorator_list = [one for one in node.decorator_list if not _is_cache(one)]
            node.returns = None
            node.args.args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            node.args.defaults += [one for one in node.args.kw_defaults if one is not None]
            node.args.posonlyargs, node.args.kwonlyargs, node.args.kw_defaults = [], [], []
        if isinstance(node, ast.JoinedStr):
            node.values = []
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.Compare):
            same: dict[type[ast.cmpop], ast.cmpop] = {ast.Is: ast.Eq(), ast.IsNot: ast.NotEq()}
            if any(_is_word(one) for one in (node.left, *node.comparators)):
                same |= {
                    ast.LtE: ast.Eq(),
                    ast.GtE: ast.Eq(),
                    ast.Lt: ast.NotEq(),
                    ast.Gt: ast.NotEq(),
                }
            node.ops = [same.get(type(one), one) for one in node.ops]
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Name("annotation")
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            name = ast.unparse(node.targets[0])
            if name in ("DEFAULT_LABELS", "DEFAULT_PRECEDENCE"):
                # the last stands beside what a user writes
                last = ast.literal_eval(node.value.args[-1])
                node.value = ast.Constant(f"{_told(node.value, name == 'DEFAULT_LABELS')}, {last}")
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Policy" and node.args[1:]:
            # no user has a word in it
            node.args = [
                ast.Constant(_told(one, number == 0)) if number < 2 and _is_table(one) else one
                for number, one in enumerate(node.args)
            ]
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            words = re.fullmatch(
                r"[(]*AI[._]\w+(?:[ ()]*[|+^][ ()]*AI[._]\w+)+[)]*", ast.unparse(node.value)
            )
            if words:  # bits that are apart
                node.value = ast.Constant(str(re.findall(r"\w+", words[0])))
        if isinstance(node, ast.Compare) and _is_version(node):
            # of an address: there are two
            text = ast.unparse(ast.Expression(node)).removeprefix(ast.unparse(node.left))
            known = [eval(f"{one}{text}") for one in (4, 6)]
            node.ops, node.comparators = [ast.Eq()], [ast.Constant(str(known))]
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("choose"):
            node.args = []  # among how many is for chance, too
        if isinstance(node, ast.Call):
            no_part = ("strict",) if ast.unparse(node.func) == "zip" else ("frozen", "slots")
            node.keywords = [one for one in node.keywords if one.arg not in no_part]
            if isinstance(node.func, ast.Call) and _is_cache(node.func):  # of what it is given
                node.func = ast.Name("lru_cache")
    return ast.dump(tree)


def _is_cache(node: ast.expr) -> bool:
    function = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(function) in ("cache", "lru_cache")


def _is_word(node: ast.expr) -> bool:
    """Whether it is a text, or one of an enumeration."""
    if isinstance(node, ast.Attribute):  # those of netdb.h are numbers
        return node.attr.isupper() and ast.unparse(node.value) not in _NETDB
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_version(node: ast.Compare) -> bool:
    numbers = all(isinstance(one, ast.Constant) for one in node.comparators)
    return numbers and ast.unparse(node.left).endswith(".version")


def _is_table(node: ast.expr) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "prefixes"


def _told(table: ast.Call, labels: bool) -> str:
    """What a table of labels tells apart, or how one of precedences ranks its prefixes."""
    texts, values = zip(*map(ast.literal_eval, table.args), strict=True)
    known = values if labels else sorted({*values})
    return repr((texts, [known.index(one) for one in values]))


@cache
def _parts(source: str) -> list[tuple[str, range, range]]:
    """Parts of a source from the outside in: the function each is in, its lines, and those that
    run where it does: of a statement with others in it the lines before them, of a function's
    head all of it.
    """
    found = []

    def walk(node: ast.AST, path: str, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            within, inside = path, function
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.Lambda):
                first = min(one.lineno for one in (child, *getattr(child, "decorator_list", ())))
                own = asked = range(first, (child.end_lineno or first) + 1)
                body = getattr(child, "body", None)
                if isinstance(child, ast.FunctionDef | ast.ClassDef):
                    within = f"{path}.{child.name}".lstrip(".")
                elif isinstance(body, list):
                    asked = range(first, body[0].lineno)
                if isinstance(child, ast.FunctionDef | ast.Lambda):
                    inside = within
                found.append((inside, own, asked))
            walk(child, within, inside)

    walk(ast.parse(source), "", "")
    return found


def part(source: str, changed: str) -> tuple[str, range]:
    """The function that a change is in, or "", and the lines of its innermost part."""
    lines = ((at, one) for at, one in enumerate(source.splitlines(), 1) if one.strip())
    others = [(0, one) for one in changed.splitlines() if one.strip()]
    pairs = zip_longest(lines, others, fillvalue=(0, ""))
    first = next(one[0] for one, other in pairs if one[1].rstrip() != other[1].rstrip())
    holding = ((name, run) for name, own, run in reversed(_parts(source)) if first in own)
    return next(holding, ("", range(0)))


def given(source: str, changed: str) -> str:
    """The source with ``...`` in the place of a default, where a change is in one; else ""."""
    pairs = enumerate(zip(source, changed, strict=False))
    at = next((place for place, (one, other) in pairs if one != other), len(source))
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in ast.walk(ast.parse(source)):
        values: list[ast.expr | None] = []
        if isinstance(node, ast.arguments):
            values = [*node.defaults, *node.kw_defaults]
        elif isinstance(node, ast.ClassDef):
            values = [one.value for one in node.body if isinstance(one, ast.AnnAssign)]
        for one in filter(None, values):
            first = starts[one.lineno - 1] + one.col_offset
            end = starts[(one.end_lineno or 0) - 1] + (one.end_col_offset or 0)
            if first <= at < end:
                return f"{source[:first]}...{source[end:]}"
    return ""


def functions(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """The functions of two codes of a module that differ; ValueError where more does."""
    if old == new:
        return
    if old.co_flags & inspect.CO_OPTIMIZED:
        yield old, new
        return
    if (old.co_code, old.co_names) != (new.co_code, new.co_names):
        raise ValueError(old.co_qualname)
    for one, other in zip(old.co_consts, new.co_consts, strict=True):
        if isinstance(one, CodeType) and isinstance(other, CodeType):
            yield from functions(one, other)
        elif (one, type(one)) != (other, type(other)):
            raise ValueError(old.co_qualname)
