# SPDX-License-Identifier: BSD-2-Clause
#
# One program for each noun; its source is tests/unit/test_NOUN.c.
if CMOCKA
UNIT_LIBS = $(LAYERS) $(LUNTAP_LIBS) $(CMOCKA_LIBS)
# The session against a scripted target.
SESSION_RIG = tests/conformance/rig.c tests/conformance/rig.h \
	tests/unit/session_steps.h
# The lun over a fake session, instead of the layer src/session.
LUN_RIG = \
	tests/unit/fake_session.c \
	tests/unit/fake_session.h \
	tests/unit/lun_rig.c \
	tests/unit/lun_rig.h
LUN_RIG_LIBS = src/block/libblock.a src/proto/libproto.a src/base/libbase.a \
	$(LUNTAP_LIBS) $(CMOCKA_LIBS)
# The copy over fake devices, in virtual time instead of the layer src/io.
COPY_RIG = \
	tests/unit/copy_rig.c \
	tests/unit/copy_rig.h \
	tests/unit/fake_bdev.c \
	tests/unit/fake_bdev.h \
	tests/unit/prng.h \
	tests/unit/unit.h
COPY_RIG_LIBS = src/front/libfront.a src/base/libbase.a $(LUNTAP_LIBS) \
	$(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_activation
tests_unit_test_activation_SOURCES = \
	cmd/activation.c \
	tests/unit/test_activation.c \
	tests/unit/unit.h
tests_unit_test_activation_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_bdev
tests_unit_test_bdev_SOURCES = tests/unit/test_bdev.c tests/unit/unit.h
tests_unit_test_bdev_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_cdb
tests_unit_test_cdb_SOURCES = tests/unit/test_cdb.c tests/unit/unit.h
tests_unit_test_cdb_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_chap
tests_unit_test_chap_SOURCES = tests/unit/test_chap.c tests/unit/unit.h
tests_unit_test_chap_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_coalesce
tests_unit_test_coalesce_SOURCES = tests/unit/test_coalesce.c tests/unit/unit.h
tests_unit_test_coalesce_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_control
tests_unit_test_control_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_copy
tests_unit_test_copy_SOURCES = $(COPY_RIG) tests/unit/test_copy.c
tests_unit_test_copy_LDADD = $(COPY_RIG_LIBS)
check_PROGRAMS += tests/unit/test_copy_options
tests_unit_test_copy_options_SOURCES = $(COPY_RIG) \
	tests/unit/test_copy_options.c
tests_unit_test_copy_options_LDADD = $(COPY_RIG_LIBS)
check_PROGRAMS += tests/unit/test_copy_random
tests_unit_test_copy_random_SOURCES = $(COPY_RIG) \
	tests/unit/test_copy_random.c
tests_unit_test_copy_random_LDADD = $(COPY_RIG_LIBS)
check_PROGRAMS += tests/unit/test_copy_threads
tests_unit_test_copy_threads_SOURCES = \
	tests/unit/prng.h tests/unit/test_copy_threads.c tests/unit/unit.h
tests_unit_test_copy_threads_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_crc32c
tests_unit_test_crc32c_SOURCES = tests/unit/test_crc32c.c tests/unit/unit.h
tests_unit_test_crc32c_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_cursor
tests_unit_test_cursor_SOURCES = tests/unit/test_cursor.c tests/unit/unit.h
tests_unit_test_cursor_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_depth
tests_unit_test_depth_SOURCES = \
	tests/unit/prng.h tests/unit/test_depth.c tests/unit/unit.h
tests_unit_test_depth_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_daemon
tests_unit_test_daemon_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_diff
tests_unit_test_diff_SOURCES = \
	tests/unit/fake_bdev.c \
	tests/unit/fake_bdev.h \
	tests/unit/prng.h \
	tests/unit/test_diff.c \
	tests/unit/unit.h
tests_unit_test_diff_LDADD = $(COPY_RIG_LIBS)
check_PROGRAMS += tests/unit/test_discovery
tests_unit_test_discovery_SOURCES = tests/unit/test_discovery.c tests/unit/unit.h
tests_unit_test_discovery_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_endpoint
tests_unit_test_endpoint_SOURCES = \
	cmd/endpoint.c \
	cmd/endpoint_file.c \
	cmd/endpoint_lun.c \
	cmd/endpoint_nbd.c \
	cmd/endpoint_stream.c \
	cmd/initiator.c \
	cmd/options.c \
	cmd/secret.c \
	tests/unit/scratch.h \
	tests/unit/test_endpoint.c \
	tests/unit/unit.h
tests_unit_test_endpoint_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_error
tests_unit_test_error_SOURCES = tests/unit/test_error.c tests/unit/unit.h
tests_unit_test_error_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_escape
tests_unit_test_escape_SOURCES = tests/unit/test_escape.c tests/unit/unit.h
tests_unit_test_escape_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_fault
tests_unit_test_fault_SOURCES = \
	cmd/fault.c \
	tests/unit/test_fault.c \
	tests/unit/unit.h
tests_unit_test_fault_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_file
tests_unit_test_file_SOURCES = tests/unit/test_file.c tests/unit/bdev_suite.h
tests_unit_test_file_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_framer
tests_unit_test_framer_SOURCES = \
	tests/unit/prng.h tests/unit/test_framer.c tests/unit/unit.h
tests_unit_test_framer_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_fsm
tests_unit_test_fsm_SOURCES = tests/unit/test_fsm.c tests/unit/unit.h
tests_unit_test_fsm_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_hash
tests_unit_test_hash_SOURCES = tests/unit/test_hash.c tests/unit/unit.h
tests_unit_test_hash_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_hex
tests_unit_test_hex_SOURCES = tests/unit/test_hex.c tests/unit/unit.h
tests_unit_test_hex_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_inquiry
tests_unit_test_inquiry_SOURCES = tests/unit/test_inquiry.c tests/unit/unit.h
tests_unit_test_inquiry_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_journal
tests_unit_test_journal_SOURCES = \
	tests/unit/prng.h \
	tests/unit/scratch.h \
	tests/unit/test_journal.c \
	tests/unit/unit.h
tests_unit_test_journal_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_latency
tests_unit_test_latency_SOURCES = \
	cmd/latency.c tests/unit/test_latency.c tests/unit/unit.h
tests_unit_test_latency_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_kpipes
tests_unit_test_kpipes_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_link
tests_unit_test_link_SOURCES = tests/unit/test_link.c tests/unit/unit.h
tests_unit_test_link_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_load
tests_unit_test_load_SOURCES = \
	cmd/latency.c cmd/load.c tests/unit/test_load.c tests/unit/unit.h
tests_unit_test_load_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_log
tests_unit_test_log_SOURCES = tests/unit/test_log.c tests/unit/unit.h
tests_unit_test_log_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_login
tests_unit_test_login_SOURCES = tests/unit/test_login.c tests/unit/unit.h
tests_unit_test_login_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_login_target
tests_unit_test_login_target_SOURCES = tests/unit/test_login_target.c tests/unit/unit.h
tests_unit_test_login_target_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_logsink
tests_unit_test_logsink_SOURCES = tests/unit/test_logsink.c tests/unit/unit.h
tests_unit_test_logsink_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_loop
tests_unit_test_loop_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_lun
tests_unit_test_lun_SOURCES = $(LUN_RIG) tests/unit/test_lun.c
tests_unit_test_lun_LDADD = $(LUN_RIG_LIBS)
check_PROGRAMS += tests/unit/test_lun_copy
tests_unit_test_lun_copy_SOURCES = $(LUN_RIG) tests/unit/test_lun_copy.c
tests_unit_test_lun_copy_LDADD = $(LUN_RIG_LIBS)
check_PROGRAMS += tests/unit/test_lun_error
tests_unit_test_lun_error_SOURCES = $(LUN_RIG) tests/unit/test_lun_error.c
tests_unit_test_lun_error_LDADD = $(LUN_RIG_LIBS)
check_PROGRAMS += tests/unit/test_lun_flush
tests_unit_test_lun_flush_SOURCES = $(LUN_RIG) tests/unit/test_lun_flush.c
tests_unit_test_lun_flush_LDADD = $(LUN_RIG_LIBS)
check_PROGRAMS += tests/unit/test_lun_identity
tests_unit_test_lun_identity_SOURCES = \
	tests/unit/test_lun_identity.c \
	tests/unit/unit.h
tests_unit_test_lun_identity_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_lun_probe
tests_unit_test_lun_probe_SOURCES = $(LUN_RIG) tests/unit/test_lun_probe.c
tests_unit_test_lun_probe_LDADD = $(LUN_RIG_LIBS)
check_PROGRAMS += tests/unit/test_lun_random
tests_unit_test_lun_random_SOURCES = $(LUN_RIG) \
	tests/unit/bdev_load.c \
	tests/unit/bdev_load.h \
	tests/unit/model_pipe.c \
	tests/unit/model_pipe.h \
	tests/unit/test_lun_random.c
tests_unit_test_lun_random_LDADD = $(LUN_RIG_LIBS)
check_PROGRAMS += tests/unit/test_lunaddr
tests_unit_test_lunaddr_SOURCES = tests/unit/test_lunaddr.c tests/unit/unit.h
tests_unit_test_lunaddr_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_lunscan
tests_unit_test_lunscan_SOURCES = tests/unit/test_lunscan.c tests/unit/unit.h
tests_unit_test_lunscan_LDADD = src/front/libfront.a $(LUN_RIG_LIBS)
check_PROGRAMS += tests/unit/test_manifest
tests_unit_test_manifest_SOURCES = \
	tests/unit/prng.h \
	tests/unit/scratch.h \
	tests/unit/test_manifest.c \
	tests/unit/unit.h
tests_unit_test_manifest_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_mapfile
tests_unit_test_mapfile_SOURCES = \
	tests/unit/prng.h \
	tests/unit/scratch.h \
	tests/unit/test_mapfile.c \
	tests/unit/unit.h
tests_unit_test_mapfile_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = tests/unit/bdev_suite.h tests/unit/test_mem.c
tests_unit_test_mem_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_name
tests_unit_test_name_SOURCES = tests/unit/test_name.c tests/unit/unit.h
tests_unit_test_name_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_nbdmsg
tests_unit_test_nbdmsg_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_nbd_command
tests_unit_test_nbd_command_SOURCES = \
	tests/unit/nbd_rig.c tests/unit/nbd_rig.h tests/unit/nbd_steps.h \
	tests/unit/prng.h tests/unit/test_nbd_command.c tests/unit/unit.h
tests_unit_test_nbd_command_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_nbd_conn
tests_unit_test_nbd_conn_SOURCES = \
	tests/unit/nbd_rig.c tests/unit/nbd_rig.h tests/unit/prng.h \
	tests/unit/test_nbd_conn.c tests/unit/unit.h
tests_unit_test_nbd_conn_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_nbd_io
tests_unit_test_nbd_io_SOURCES = \
	tests/unit/nbd_rig.c tests/unit/nbd_rig.h tests/unit/nbd_steps.h \
	tests/unit/prng.h tests/unit/test_nbd_io.c tests/unit/unit.h
tests_unit_test_nbd_io_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_nbd_meta
tests_unit_test_nbd_meta_SOURCES = \
	tests/unit/nbd_rig.c tests/unit/nbd_rig.h tests/unit/prng.h \
	tests/unit/test_nbd_meta.c tests/unit/unit.h
tests_unit_test_nbd_meta_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_nbd_option
tests_unit_test_nbd_option_SOURCES = \
	tests/unit/nbd_rig.c tests/unit/nbd_rig.h tests/unit/prng.h \
	tests/unit/test_nbd_option.c tests/unit/unit.h
tests_unit_test_nbd_option_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_nbd_pipe
tests_unit_test_nbd_pipe_SOURCES = \
	tests/unit/model_pipe.c tests/unit/model_pipe.h \
	tests/unit/nbd_rig.c tests/unit/nbd_rig.h tests/unit/prng.h \
	tests/unit/test_nbd_pipe.c tests/unit/unit.h
tests_unit_test_nbd_pipe_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_nbd_tls
tests_unit_test_nbd_tls_SOURCES = \
	tests/unit/nbd_rig.c tests/unit/nbd_rig.h tests/unit/prng.h \
	tests/unit/test_nbd_tls.c tests/unit/unit.h
tests_unit_test_nbd_tls_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_newfile
tests_unit_test_newfile_SOURCES = \
	tests/unit/scratch.h \
	tests/unit/test_newfile.c \
	tests/unit/unit.h
tests_unit_test_newfile_LDADD = $(UNIT_LIBS)
if LIBNBD
check_PROGRAMS += tests/unit/test_nbdclient
tests_unit_test_nbdclient_SOURCES = \
	tests/unit/bdev_suite.h \
	tests/unit/test_nbdclient.c
tests_unit_test_nbdclient_LDADD = $(UNIT_LIBS)
endif
check_PROGRAMS += tests/unit/test_nreader
tests_unit_test_nreader_SOURCES = tests/unit/test_nreader.c tests/unit/unit.h
tests_unit_test_nreader_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_nwire
tests_unit_test_nwire_SOURCES = tests/unit/test_nwire.c tests/unit/unit.h
tests_unit_test_nwire_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_nbduri
tests_unit_test_nbduri_SOURCES = \
	cmd/nbduri.c \
	tests/unit/test_nbduri.c \
	tests/unit/unit.h
tests_unit_test_nbduri_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_options
tests_unit_test_options_SOURCES = \
	cmd/initiator.c \
	cmd/options.c \
	cmd/secret.c \
	tests/unit/test_options.c \
	tests/unit/unit.h
tests_unit_test_options_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_param
tests_unit_test_param_SOURCES = tests/unit/test_param.c tests/unit/unit.h
tests_unit_test_param_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_pdu
tests_unit_test_pdu_SOURCES = tests/unit/test_pdu.c tests/unit/unit.h
tests_unit_test_pdu_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_pipe
tests_unit_test_pipe_SOURCES = tests/unit/test_pipe.c tests/unit/unit.h
tests_unit_test_pipe_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_range
tests_unit_test_range_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_record
tests_unit_test_record_SOURCES = \
	tests/unit/test_record.c \
	tests/unit/unit.h
tests_unit_test_record_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_scsidata
tests_unit_test_scsidata_SOURCES = tests/unit/test_scsidata.c tests/unit/unit.h
tests_unit_test_scsidata_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_secret
tests_unit_test_secret_SOURCES = \
	cmd/secret.c \
	tests/unit/test_secret.c \
	tests/unit/unit.h
tests_unit_test_secret_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_sender
tests_unit_test_sender_SOURCES = \
	tests/unit/prng.h tests/unit/test_sender.c tests/unit/unit.h
tests_unit_test_sender_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_sense
tests_unit_test_sense_SOURCES = tests/unit/test_sense.c tests/unit/unit.h
tests_unit_test_sense_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_sensecode
tests_unit_test_sensecode_SOURCES = tests/unit/test_sensecode.c tests/unit/unit.h
tests_unit_test_sensecode_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_sensedetail
tests_unit_test_sensedetail_SOURCES = \
	tests/unit/test_sensedetail.c tests/unit/unit.h
tests_unit_test_sensedetail_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_serial
tests_unit_test_serial_SOURCES = tests/unit/test_serial.c tests/unit/unit.h
tests_unit_test_serial_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_server
tests_unit_test_server_SOURCES = tests/unit/test_server.c tests/unit/unit.h
tests_unit_test_server_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_session
tests_unit_test_session_SOURCES = $(SESSION_RIG) tests/unit/test_session.c
tests_unit_test_session_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_session_offences
tests_unit_test_session_offences_SOURCES = $(SESSION_RIG) \
	tests/unit/test_session_offences.c
tests_unit_test_session_offences_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_session_ping
tests_unit_test_session_ping_SOURCES = $(SESSION_RIG) \
	tests/unit/test_session_ping.c
tests_unit_test_session_ping_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_session_pipe
tests_unit_test_session_pipe_SOURCES = $(SESSION_RIG) \
	tests/unit/model_pipe.c \
	tests/unit/model_pipe.h \
	tests/unit/test_session_pipe.c
tests_unit_test_session_pipe_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_session_tasks
tests_unit_test_session_tasks_SOURCES = $(SESSION_RIG) \
	tests/unit/test_session_tasks.c
tests_unit_test_session_tasks_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_socket
tests_unit_test_socket_SOURCES = tests/unit/test_socket.c tests/unit/unit.h
tests_unit_test_socket_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_stream
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c tests/unit/unit.h
tests_unit_test_stream_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_target_abort
tests_unit_test_target_abort_SOURCES = \
	tests/unit/target_rig.c tests/unit/target_rig.h \
	tests/unit/target_steps.h tests/unit/test_target_abort.c tests/unit/unit.h
tests_unit_test_target_abort_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_supervisor
tests_unit_test_supervisor_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_target_copy
tests_unit_test_target_copy_SOURCES = \
	tests/unit/target_rig.c tests/unit/target_rig.h \
	tests/unit/test_target_copy.c tests/unit/unit.h
tests_unit_test_target_copy_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_target_fault
tests_unit_test_target_fault_SOURCES = \
	tests/unit/target_rig.c tests/unit/target_rig.h \
	tests/unit/test_target_fault.c tests/unit/unit.h
tests_unit_test_target_fault_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_target_io
tests_unit_test_target_io_SOURCES = \
	tests/unit/target_rig.c tests/unit/target_rig.h \
	tests/unit/test_target_io.c tests/unit/unit.h
tests_unit_test_target_io_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_target_reserve
tests_unit_test_target_reserve_SOURCES = \
	tests/unit/target_rig.c tests/unit/target_rig.h \
	tests/unit/target_steps.h tests/unit/test_target_reserve.c tests/unit/unit.h
tests_unit_test_target_reserve_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_target_scsi
tests_unit_test_target_scsi_SOURCES = \
	tests/unit/target_rig.c tests/unit/target_rig.h \
	tests/unit/target_steps.h tests/unit/test_target_scsi.c tests/unit/unit.h
tests_unit_test_target_scsi_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_target_session
tests_unit_test_target_session_SOURCES = \
	tests/unit/target_rig.c tests/unit/target_rig.h \
	tests/unit/target_steps.h tests/unit/test_target_session.c tests/unit/unit.h
tests_unit_test_target_session_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_text
tests_unit_test_text_SOURCES = tests/unit/test_text.c tests/unit/unit.h
tests_unit_test_text_LDADD = $(UNIT_LIBS)
if GNUTLS
check_PROGRAMS += tests/unit/test_tls
tests_unit_test_tls_SOURCES = \
	tests/unit/prng.h \
	tests/unit/test_tls.c \
	tests/unit/tls_rig.c \
	tests/unit/tls_rig.h
tests_unit_test_tls_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_tls_credentials
tests_unit_test_tls_credentials_SOURCES = \
	tests/unit/prng.h \
	tests/unit/test_tls_credentials.c \
	tests/unit/tls_rig.c \
	tests/unit/tls_rig.h
tests_unit_test_tls_credentials_LDADD = $(UNIT_LIBS)
endif
check_PROGRAMS += tests/unit/test_transfer
tests_unit_test_transfer_SOURCES = \
	cmd/initiator.c \
	cmd/options.c \
	cmd/secret.c \
	cmd/transfer.c \
	tests/unit/test_transfer.c \
	tests/unit/unit.h
tests_unit_test_transfer_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_url
tests_unit_test_url_SOURCES = tests/unit/test_url.c tests/unit/unit.h
tests_unit_test_url_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_vpd
tests_unit_test_vpd_SOURCES = tests/unit/test_vpd.c tests/unit/unit.h
tests_unit_test_vpd_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_vpdlist
tests_unit_test_vpdlist_SOURCES = tests/unit/test_vpdlist.c tests/unit/unit.h
tests_unit_test_vpdlist_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_xcopy
tests_unit_test_xcopy_SOURCES = tests/unit/test_xcopy.c tests/unit/unit.h
tests_unit_test_xcopy_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_zerocopy
tests_unit_test_zerocopy_SOURCES = tests/unit/test_zerocopy.c tests/unit/unit.h
tests_unit_test_zerocopy_LDADD = $(UNIT_LIBS)
endif
