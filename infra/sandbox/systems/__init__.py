"""One module per system, named after its source: from the simulated lives to rows in the shape of its contract."""

from pathlib import Path

from contracts.contract_file import Contract, load_contracts


def simulated_contracts() -> list[Contract]:
    """The contracts of the sources that the simulated company has, by name; a source added later has no module here."""
    modules = {path.stem for path in Path(__file__).parent.glob("*.py")}
    return [contract for contract in load_contracts() if contract.source in modules]
