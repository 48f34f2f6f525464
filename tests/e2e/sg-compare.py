#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares what luntap and sg3_utils read in the same bytes.

    sg-compare.py LUNTAP inquiry FILE      standard data as --raw wrote them
    sg-compare.py LUNTAP vpd PAGE FILE     a page, likewise
    sg-compare.py LUNTAP random SEED       pages of random bytes, each field
    sg-compare.py LUNTAP lists             pages that are lists, each kind
    sg-compare.py LUNTAP sense SEED        sense data of random bytes

Every field of a page is a row here: what sg_vpd or sg_inq print, and the
member of our JSON.  A row that finds nothing in their output is an error, too.
"""
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile


def number(text):
    return int(text, 0)


def flag(text):
    return text == "1"


def flags(pairs):
    return [(rf"\b{name}=(\d)", key, flag) for name, key in pairs.items()]


def numbers(pairs):
    return [(rf"{name}[=:] ?(0x[0-9a-f]+|\d+)", key, number)
            for name, key in pairs.items()]


FIELDS = {
    "inquiry": numbers({
        "Resp_data_format": "response_format", "version": "version",
        "TPGS": "target_port_group_support"}) + flags({
            "RMB": "removable", "LU_CONG": "logical_unit_conglomerate",
            "NormACA": "normal_aca", "HiSUP": "hierarchical_addressing",
            "SCCS": "embedded_storage_array_controller",
            "3PC": "third_party_copy", "Protect": "protection",
            "EncServ": "enclosure_services", "MultiP": "multiport",
            "CmdQue": "command_queuing"}) + [
                (r"Vendor identification: ?(.*?) *\n", "vendor", str),
                (r"Product identification: ?(.*?) *\n", "product", str),
                (r"revision level: ?(.*?) *\n", "revision", str)],
    "86": numbers({
        "ACTIVATE_MICROCODE": "activate_microcode",
        "SPT": "supported_protection_types",
        "LU_COLL_TYPE": "logical_unit_collection_type",
        "microcode download": "multi_i_t_nexus_microcode_download",
        "completion minutes": "extended_self_test_minutes",
        "sense data length": "maximum_sense_length",
        "inquiry change logs": "maximum_inquiry_change_logs",
        "mode page change logs": "maximum_mode_page_change_logs"}) + flags({
            "GRD_CHK": "guard_check", "APP_CHK": "application_tag_check",
            "REF_CHK": "reference_tag_check",
            "UASK_SUP": "unit_attention_sense_key_specific",
            "GROUP_SUP": "grouping_function", "PRIOR_SUP": "task_priority",
            "HEADSUP": "head_of_queue_tasks", "ORDSUP": "ordered_tasks",
            "SIMPSUP": "simple_tasks", "WU_SUP": "write_uncorrectable",
            "CRD_SUP": "correction_disable", "NV_SUP": "nonvolatile_cache",
            "V_SUP": "volatile_cache",
            "NO_PI_CHK": "no_protection_information_check",
            "P_I_I_SUP": "protection_information_interval",
            "LUICLR": "logical_unit_i_t_nexus_clear", "R_SUP": "referrals",
            "RTD_SUP": "revert_to_defaults",
            "HSSRELEF": "history_snapshots_release_effects",
            "CBCS": "capability_based_security",
            "POA_SUP": "power_on_activation",
            "HRA_SUP": "hard_reset_activation",
            "VSA_SUP": "vendor_specific_activation",
            "DMS_VALID": "download_microcode_support_valid",
            "IBS": "implicit_bind", "IAS": "implicit_affiliation",
            "SAC": "set_affiliation_command", "NRD1": "no_redirect_one",
            "NRD0": "no_redirect_zero"}),
    "b0": numbers({
        "Maximum compare and write length": "maximum_compare_and_write",
        "Optimal transfer length granularity":
            "optimal_transfer_granularity",
        "Maximum transfer length": "maximum_transfer",
        "Optimal transfer length": "optimal_transfer",
        "Maximum prefetch transfer length": "maximum_prefetch",
        "Maximum unmap LBA count": "maximum_unmap_blocks",
        "unmap block descriptor count": "maximum_unmap_descriptors",
        "Optimal unmap granularity": "optimal_unmap_granularity",
        "Maximum write same length": "maximum_write_same",
        "Maximum atomic transfer length": "maximum_atomic_transfer",
        "Atomic alignment": "atomic_alignment",
        "Atomic transfer length granularity": "atomic_transfer_granularity",
        "length with atomic boundary":
            "maximum_atomic_transfer_with_boundary",
        "Maximum atomic boundary size": "maximum_atomic_boundary"}) + [
            (r"\(WSNZ\): (\d)", "write_same_nonzero", flag)],
    "b1": numbers({
        "WABEREQ": "write_after_block_erase",
        "WACEREQ": "write_after_crypto_erase",
        "DEPOPULATION_TIME": "depopulation_seconds"}) + flags({
            "RBWZ": "reassign_blocks_with_zeros",
            "BOCS": "background_operations_control",
            "FUAB": "fua_covers_cache", "VBULS": "verify_unmapped_blocks"}),
    "b2": numbers({
        r"\(LBPRZ\)": "logical_block_provisioning_read_zeros",
        "Threshold exponent": "threshold_exponent",
        "Minimum percentage": "minimum_percentage",
        "Threshold percentage": "threshold_percentage"}) + [
            (r"\(LBPU\): (\d)", "unmap", flag),
            (r"\(LBPWS\): (\d)", "write_same_16_unmap", flag),
            (r"\(LBPWS10\): (\d)", "write_same_10_unmap", flag),
            (r"\(ANC_SUP\): (\d)", "anchor", flag),
            (r"\(DP\): (\d)", "provisioning_group_descriptor", flag)],
    "8f": numbers({
        "Maximum range descriptors": "maximum_ranges",
        "Maximum inactivity timeout": "maximum_inactivity_timeout",
        "Default inactivity timeout": "default_inactivity_timeout",
        "Maximum token transfer size": "maximum_token_transfer",
        "Optimal transfer count": "optimal_transfer",
        "CSCD descriptor count": "maximum_cscd_descriptors",
        "segment descriptor count": "maximum_segment_descriptors",
        "descriptor list length": "maximum_descriptor_list",
        "inline data length": "maximum_inline_data",
        "Remote tokens": "remote_tokens",
        "Minimum token lifetime": "minimum_token_lifetime",
        "Maximum token lifetime": "maximum_token_lifetime",
        "token inactivity timeout": "maximum_token_inactivity_timeout",
        "Preference": "preference",
        "Total concurrent copies": "concurrent_copies",
        "identified concurrent copies": "maximum_identified_copies",
        "Maximum segment length": "maximum_segment",
        "stream device transfer size": "maximum_stream_transfer",
        "Held data limit": "held_data_limit"}),
    "80": [(r"Unit serial number: (.*?) *\n", "serial", str)],
}

# Members that are in lists: what they print one after another.
LISTS = {
    "83": ("designators", [
        (r"\b0x([0-9a-f]{16,32})\n", "value",
         lambda d: d["type"] in ("NAA", "EUI-64")),
        (r"vendor id: (.*?) *\n", "vendor",
         lambda d: d["type"] == "T10 vendor ID"),
        (r"vendor specific: (.*)\n", "vendor_specific",
         lambda d: d["type"] == "T10 vendor ID"),
        (r"SCSI name string:\n +(.*)\n", "value",
         lambda d: d["type"] == "SCSI name"),
        (r"Relative target port: (0x[0-9a-f]+)", "number",
         lambda d: d["type"] == "relative target port")]),
    "84": ("software_interfaces", [
        (r"Company_id: 0x(.{6}), vendor specific extension id: 0x(.{6})",
         None, lambda d: True)]),
    "85": ("addresses", [(r"Service type: .*\n +(.*)\n", "address",
                          lambda d: True)]),
    "87": ("policies", [
        (r"Policy page code: (0x[0-9a-f]+)", "page", lambda d: True),
        (r"subpage code: (0x[0-9a-f]+)", "subpage",
         lambda d: d["subpage"] != 0),
        (r"MLUS=(\d)", "multiple_logical_units_share", lambda d: True),
        (r"Policy: (.*)\n", "policy", lambda d: True)]),
    "88": ("ports", [(r"Relative port=(\d+)", "relative_port",
                      lambda d: True)]),
}


def output(*args):
    return subprocess.run(args, check=True, capture_output=True,
                          text=True).stdout


def compare_list(page, theirs, ours):
    key, rows = LISTS[page]
    entries, n = ours[key], 0
    for pattern, member, wanted in rows:
        found = [x if isinstance(x, str) else "".join(x)
                 for x in re.findall(pattern, theirs)]
        mine = [e if member is None else e[member]
                for e in entries if wanted(e)]
        if mine and isinstance(mine[0], (int, bool)):
            found = [int(x, 0) for x in found]
        if found != mine:
            raise SystemExit(f"{page} {member}: they {found}, we {mine}")
        n += len(mine)
    return n


def compare(luntap, page, path):
    """Exits when the two differ, or no field was found."""
    if page == "inquiry":
        theirs = output("sg_inq", "--raw", f"--inhex={path}")
        ours = json.loads(output(luntap, "inquiry", "--json", "--from", path))
    else:
        theirs = output("sg_vpd", "--raw", f"--inhex={path}")
        ours = json.loads(output(luntap, "inquiry", "--json", "--vpd", page,
                                 "--from", path))
    if page == "00":
        n = len(re.findall(r"\[[a-z0-9]+\]\n", theirs))
        if n != len(ours["pages"]) or n == 0:
            raise SystemExit(f"00: they {theirs}, we {ours['pages']}")
        return
    if page in LISTS:
        if compare_list(page, theirs, ours) == 0:
            raise SystemExit(f"{page}: nothing to compare in {theirs}")
        return
    if page == "8f":
        members = {}
        for entry in ours["descriptors"]:
            members.update(entry)
            members.update(entry.get("rod_types", [{}])[0])
        ours = members
    compared = 0
    for pattern, key, convert in FIELDS[page]:
        found = re.search(pattern, theirs)
        # No device has every descriptor of this page.
        if page == "8f" and found is None and key not in ours:
            continue
        compared += 1
        if found is None:
            raise SystemExit(f"{page}: no {pattern} in {theirs}")
        if convert(found[1]) != ours[key]:
            raise SystemExit(f"{page} {key}: they {found[1]}, we {ours[key]}"
                             f" in {path}")
    if compared == 0:
        raise SystemExit(f"{page}: nothing to compare in {theirs}")


def descriptor(kind, body):
    return struct.pack(">HH", kind, len(body)) + body


def designator(code_set, association, kind, value, protocol=None):
    piv = 0 if protocol is None else 0x80
    return bytes([(protocol or 0) << 4 | code_set,
                  piv | association << 4 | kind, 0, len(value)]) + value


def list_pages():
    """Each page that is a list, with every kind of entry that has members."""
    naa = [b"\x2a" + bytes(range(7)), b"\x3b" + bytes(range(7)),
           b"\x5c" + bytes(range(7)), b"\x6d" + bytes(range(15))]
    eui64 = [bytes(range(1, n + 1)) for n in (8, 12, 16)]
    port = designator(3, 1, 8, b"iqn.2026-01.org.example,t,0x0001\0\0\0\0", 5)
    yield "83", b"".join(
        [designator(1, 0, 3, x) for x in naa] +
        [designator(1, 0, 2, x) for x in eui64] +
        [designator(2, 0, 1, b"VENDOR  and what it likes"),
         designator(1, 1, 4, b"\0\0\0\7", 5), port,
         designator(3, 2, 8, b"iqn.2026-01.org.example\0", 5)])
    yield "84", bytes(range(18))
    yield "85", (b"\x01\0\0\x0chttp://x/y\0\0" +
                 b"\x22\0\0\x10https://[::1]/z\0")
    yield "87", b"\x08\0\x01\0\x0a\x01\x83\0\x3f\xff\0\0"
    yield "88", (b"\0\0\0\1\0\0\0\0\0\0" + struct.pack(">H", len(port)) +
                 port + b"\0\0\0\2\0\0\0\0\0\0\0\0")
    yield "8f", (
        descriptor(0, bytes(6) + struct.pack(">HIIQQ", 1, 2, 3, 4, 5)) +
        descriptor(4, bytes(4) + struct.pack(">HHII", 6, 7, 8, 9) +
                   bytes(12)) +
        descriptor(0x106, b"\3" + bytes(11) +
                   struct.pack(">III", 10, 11, 12) + bytes(20)) +
        descriptor(0x108, struct.pack(">HHIBBH", 0, 64, 0x10000, 0x83, 0, 21) +
                   bytes(56)) +
        descriptor(0x8001, struct.pack(">III", 13, 14, 15) + bytes(16)) +
        descriptor(0x9101, struct.pack(">I", 18) + bytes(8)) +
        descriptor(0xc001, struct.pack(">I", 19) + bytes(20)))


def compare_lists(luntap):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "page")
        for page, body in list_pages():
            with open(path, "wb") as f:
                f.write(bytes([0, int(page, 16)]) +
                        struct.pack(">H", len(body)) + body)
            compare(luntap, page, path)


def random_page(page, body, rng):
    data = bytearray(rng.randbytes(body))
    if page == "inquiry":
        # Type 0, printable names, no more than they show.
        data[0] = 0
        data[2] = rng.randrange(3, 8)
        data[3] = data[3] & 0xf0 | 2
        data[4] = body - 5
        data[8:36] = (f"VENDOR{rng.randrange(10)}".ljust(8) +
                      f"product {rng.randrange(100)}".ljust(16) +
                      f"{rng.randrange(10000):04}").encode()
        data[58:74] = bytes(16)
        return bytes(data)
    if page == "b1":
        data[0:2] = rng.choice([b"\0\0", b"\0\1", b"\x1c\x20"])
    elif page == "b2":
        data[1] &= 0xfe
    elif page == "84":
        data = data[:body // 6 * 6]
    elif page == "87":
        data = data[:body // 4 * 4]
        for i in range(0, len(data), 4):
            data[i + 2] &= 0x83
    return bytes([0, int(page, 16)]) + len(data).to_bytes(2, "big") + data


def compare_random(luntap, seed):
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "page")
        for _ in range(12):
            for page, body in (("inquiry", 96), ("86", 60), ("b0", 60),
                               ("b1", 60), ("b2", 4), ("84", 18),
                               ("87", 24)):
                with open(path, "wb") as f:
                    f.write(random_page(page, body, rng))
                try:
                    compare(luntap, page, path)
                except SystemExit as e:
                    with open(path, "rb") as f:
                        raise SystemExit(f"{e}: {f.read().hex()}") from e


# What sg_decode_sense prints, and the members of sense_key_specific.
SPECIFIC = [
    (r"Progress indication: (\d+)\.", "progress_percent"),
    (r"Actual retry count: (\w+)", "actual_retry_count"),
    (r"(?:Error in |Relative to ).*[Bb]yte (\d+)", "byte"),
    (r"bit (\d+)", "bit"),
    (r"overflow flag is (\d)", "unit_attention_queue_overflow"),
]


def compare_code(theirs, ours):
    known = re.search(r"Additional sense: (.*)", theirs)
    if known is None:
        wanted = "vendor specific" in theirs
        if ours["vendor_specific"] != wanted:
            return "vendor_specific"
        return None if wanted or "not known" in ours["additional_sense"] \
            else "additional_sense"
    # They know tapes, too, and give numbers; 41/NN and 42/NN are theirs alone.
    text = re.sub(r" (\[0x.*\]|\((should )?use .*\)|of 0x.*)", "",
                  known[1]).upper()
    if ours["asc"] in ("41", "42") and ours["ascq"] != "00":
        return None
    if ours["additional_sense"].upper() == text:
        return None
    return None if "not known" in ours["additional_sense"] and \
        not ours["vendor_specific"] else "additional_sense"


def compare_sense(luntap, data):
    """The member that differs, or None; their words."""
    theirs = output("sg_decode_sense", "--nospace", data.hex())
    ours = json.loads(output(luntap, "sense", "--json", data.hex()))
    key = re.search(r"Sense key: ([^(\n]*)", theirs)[1].upper()
    # T10 has no name for Ch any more.
    if ours["sense_key"] != 12 and ours["sense_key_name"] != key:
        return "sense_key_name", theirs
    if ours["deferred"] != ("deferred" in theirs):
        return "deferred", theirs
    if not theirs.startswith(ours["format"].capitalize()):
        return "format", theirs
    bad = compare_code(theirs, ours)
    if bad is not None:
        return bad, theirs
    specific = ours.get("sense_key_specific", {})
    information = None
    if ours["format"] == "fixed":
        information = ours["information"]
        if ours["information_valid"] == ("Valid=0" in theirs):
            return "information_valid", theirs
    for entry in ours.get("descriptors", []):
        specific = entry.get("sense_key_specific", specific)
        if entry["type"] == "00" and entry.get("valid"):
            information = entry["information"]
    for pattern, member in SPECIFIC:
        found = re.search(pattern, theirs)
        if found is not None and int(found[1], 0) != specific.get(member):
            return member, theirs
        if found is None and member in specific:
            return member, theirs
    found = re.search(r"Info fld=0x([0-9a-f]+)|Information: 0x([0-9a-f]+)",
                      theirs)
    if found is not None and int(found[1] or found[2], 16) != information:
        return "information", theirs
    return None, theirs


def random_sense(rng):
    asc, ascq = rng.randrange(0x90), rng.choice(
        [0, 1, 2, 3, rng.randrange(16), rng.randrange(256)])
    key = rng.randrange(16)
    specific = rng.randbytes(3)
    if rng.randrange(2):
        data = bytearray(rng.randbytes(18))
        data[0] = rng.choice([0x70, 0x71, 0xf0, 0xf1])
        data[2] = data[2] & 0xf0 | key
        data[7] = 10
        data[12], data[13] = asc, ascq
        data[15:18] = specific
        return bytes(data)
    # Each type at most once; the ones that sg3_utils prints.
    parts = [b"\x00\x0a\x80\x00" + rng.randbytes(8),
             # SKSV is always one here (SPC-4, 4.5.2.4.1).
             b"\x02\x06\0\0" + bytes([specific[0] | 0x80]) +
             specific[1:] + b"\0",
             b"\x03\x02\0" + rng.randbytes(1),
             b"\x90\x03" + rng.randbytes(3)]
    rest = b"".join(rng.sample(parts, rng.randrange(1, 4)))
    return bytes([rng.choice([0x72, 0x73]), key, asc, ascq, 0, 0, 0,
                  len(rest)]) + rest


def compare_random_sense(luntap, seed):
    rng = random.Random(seed)
    for _ in range(200):
        data = random_sense(rng)
        bad, theirs = compare_sense(luntap, data)
        if bad is not None:
            raise SystemExit(f"{data.hex()}: {bad}; they: {theirs}")


def main():
    luntap, what = sys.argv[1:3]
    if what == "inquiry":
        compare(luntap, what, sys.argv[3])
    elif what == "vpd":
        compare(luntap, sys.argv[3], sys.argv[4])
    elif what == "lists":
        compare_lists(luntap)
    elif what == "sense":
        compare_random_sense(luntap, sys.argv[3])
    elif what == "random":
        compare_random(luntap, sys.argv[3])
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
