# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The kernel's own target (LIO), set up through configfs alone.
#
#     lio_target                       a target $IQN at $PORTAL, gone after the test
#     lio_lun 0 "$DIR/disk" attr=1     a file or device as a LUN, with attributes
#     lio_luns "$DIR/a" "$DIR/b"       files as LUNs 0 and 1 that it can copy
#     lio_scsi_lun 0 /dev/sda          a SCSI device as a LUN that speaks for itself
#     lio_no_lun 0                     it is not there any more
#     lio_set param/DataDigest CRC32C  as under tpgt_1 in configfs
#     lio_account user secret [target-user target-secret]
#     lio_start                        it takes logins from here on

LIO=/sys/kernel/config/target
PORTAL=127.0.0.1:3260
TPG=$LIO/iscsi/$IQN/tpgt_1
NODE=$TPG/acls/iqn.2026-01.org.example:tester

# A newline would be part of some values.
lio_write() { # FILE VALUE
	printf %s "$2" >"$1"
}
lio_set() { # FILE VALUE
	lio_write "$TPG/$1" "$2"
}

lio_target() {
	modules target_core_mod target_core_file target_core_iblock \
		iscsi_target_mod
	[ -d $LIO ] || mount -t configfs configfs /sys/kernel/config
	mkdir -p "$TPG"
	at_end lio_gone
	lio_set attrib/authentication 0
	lio_set attrib/generate_node_acls 1
	lio_set attrib/cache_dynamic_acls 1
	lio_set attrib/demo_mode_write_protect 0
}
lio_start() {
	mkdir "$TPG/np/$PORTAL"
	lio_set enable 1
}

# A file, or a block device.  Attributes hold before the LUN can be seen.
lio_lun() { # NUMBER FILE [ATTRIBUTE=VALUE...]
	local number=$1 file=$2 kind=fileio control store a
	shift 2
	control=fd_dev_name=$file,fd_dev_size=$(stat -c %s "$file")
	if [ -b "$file" ]; then
		kind=iblock
		control=udev_path=$file
	fi
	store=$LIO/core/${kind}_$number/disk
	mkdir -p "$store"
	lio_write "$store/control" "$control"
	lio_write "$store/wwn/vpd_unit_serial" "luntap-$number"
	lio_write "$store/enable" 1
	for a in "$@"; do
		lio_write "$store/attrib/${a%%=*}" "${a#*=}"
	done
	mkdir "$TPG/lun/lun_$number"
	ln -s "$store" "$TPG/lun/lun_$number/store"
}

# With blocks of 512 bytes, and for EXTENDED COPY, which names them by the NAA
# designators that LIO makes of the hexadecimal digits in their serial numbers.
lio_luns() { # FILE...
	local file number=0
	for file in "$@"; do
		lio_lun $number "$file" block_size=512 emulate_3pc=1
		number=$((number + 1))
	done
}

# What the device answers, its unit attentions included, is passed on.
lio_scsi_lun() { # NUMBER DEVICE
	local store=$LIO/core/pscsi_$1/disk address
	modules target_core_pscsi
	address=$(basename "/sys/block/${2#/dev/}/device/scsi_device/"*)
	mkdir -p "$store"
	lio_write "$store/control" "$(sed -E 's/(.*):(.*):(.*):(.*)/'`
		`'scsi_host_id=\1,scsi_channel_id=\2,'`
		`'scsi_target_id=\3,scsi_lun_id=\4/' <<<"$address")"
	lio_write "$store/udev_path" "$2"
	lio_write "$store/enable" 1
	mkdir "$TPG/lun/lun_$1"
	ln -s "$store" "$TPG/lun/lun_$1/store"
}

lio_no_lun() { # NUMBER
	rm -f "$TPG/lun/lun_$1/store"
	rmdir "$TPG/lun/lun_$1"
}

# Only the initiator of these tests, with this name and secret.
lio_account() { # USER SECRET [TARGET-USER TARGET-SECRET]
	local lun
	lio_set attrib/generate_node_acls 0
	lio_set attrib/authentication 1
	if [ ! -d "$NODE" ]; then
		mkdir "$NODE"
		for lun in "$TPG"/lun/*; do
			mkdir "$NODE/${lun##*/}"
			ln -s "$lun" "$NODE/${lun##*/}/lun"
		done
	fi
	lio_write "$NODE/auth/userid" "$1"
	lio_write "$NODE/auth/password" "$2"
	# NULL is LIO's word for none.
	lio_write "$NODE/auth/userid_mutual" "${3:-NULL}"
	lio_write "$NODE/auth/password_mutual" "${4:-NULL}"
}

lio_gone() {
	local d
	[ -d "$TPG" ] || return 0
	lio_set enable 0
	for d in "$TPG"/acls/*/lun_*; do
		[ ! -d "$d" ] || { rm -f "$d/lun" && rmdir "$d"; }
	done
	for d in "$TPG"/lun/*; do
		[ ! -d "$d" ] || { rm -f "$d/store" && rmdir "$d"; }
	done
	for d in "$TPG"/acls/* "$TPG"/np/* "$TPG" "${TPG%/*}" \
		"$LIO"/core/*/disk "$LIO"/core/*_*; do
		[ ! -d "$d" ] || rmdir "$d"
	done
}
