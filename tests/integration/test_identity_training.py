"""The model is trained on the lake's own records, keeps what they do not show, and is used from the next run on."""

from pathlib import Path

import pyarrow as pa
import pytest

from contracts.catalogue.tables import PERSON_MODELS
from identity.matching.pairs.person_model import ModelError, load_model
from identity.matching.pairs.training import train
from identity.matching.person_records import SCHEMA, RecordsError
from identity.matching.resolve import match
from identity.review.trained_models import lake_model, store_model
from infra.worlds.febrl import read
from lake.tables import table_version


@pytest.fixture(scope="module")
def febrl() -> pa.Table:
    records, _ = read(1)
    return records


def test_training_learns_from_pairs_and_reports_what_the_records_cannot_show(febrl: pa.Table) -> None:
    trained = train(febrl)
    assert trained.ties > 400
    assert {"gender", "email", "phone"} <= set(trained.kept)  # FEBRL has none
    shipped = load_model()
    assert trained.model.version != shipped.version
    assert trained.model.levels("email") == shipped.levels("email")
    moved = {level["label_for_charts"]: level["m_probability"] for level in trained.model.levels("given_name")}
    held = {level["label_for_charts"]: level["m_probability"] for level in shipped.levels("given_name")}
    assert moved["exchanged with the family name"] > held["exchanged with the family name"]  # FEBRL swaps them
    assert abs(match(febrl, model=trained.model).persons - 500) < 10


def test_column_that_says_the_same_of_everybody_is_kept_as_it_was(febrl: pa.Table) -> None:
    everywhere = febrl.append_column("gender", pa.array(["F"] * febrl.num_rows, pa.string()))
    assert train(everywhere).kept["gender"] == "it says the same of every pair"


def test_nothing_to_learn_from_is_reported_and_the_model_stays() -> None:
    for records in (SCHEMA.empty_table(), pa.table({"record_id": ["a"], "source": ["x"], "updated_at": pa.nulls(1)})):
        with pytest.raises(RecordsError, match="nothing can be learnt") as rejected:
            train(records)
        assert rejected.value.cure
        assert match(records).persons == records.num_rows


@pytest.mark.usefixtures("home")
def test_trained_model_is_in_use_from_then_on(febrl: pa.Table) -> None:
    assert lake_model() == load_model()
    trained = train(febrl)
    store_model(trained)
    assert lake_model() == trained.model
    assert table_version(PERSON_MODELS) == 0


def test_file_that_is_no_model_is_rejected_with_a_cure(tmp_path: Path) -> None:
    bad = tmp_path / "model.json"
    bad.write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError) as rejected:
        load_model(bad)
    assert "lake identity train" in str(rejected.value.cure)
