from wildact.train.energy import EnergyMeter


def counter(folder, name, microjoules, *, wraps_at=1_000_000):
    folder.mkdir()
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text(f"{wraps_at}\n")
    return folder / "energy_uj"


def test_packages_are_added_up_and_their_parts_left_out(tmp_path):
    first = counter(tmp_path / "intel-rapl:0", "package-0", 900_000)
    second = counter(tmp_path / "intel-rapl:1", "package-1", 0)
    counter(tmp_path / "intel-rapl:0:0", "dram", 0)
    meter = EnergyMeter(tmp_path)
    assert meter.sources[:2] == ("package-0", "package-1")
    second.write_text("500000")
    assert meter.read() == 0.5
    first.write_text("100000")  # began anew at a million: 0.2 joules
    assert abs(meter.read() - 0.7) < 1e-9


def test_a_machine_without_counters_has_no_sources(tmp_path):
    (tmp_path / "intel-rapl:0").mkdir()
    meter = EnergyMeter(tmp_path)
    assert not any(source.startswith("package") for source in meter.sources)
