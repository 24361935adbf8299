; SPDX-License-Identifier: MIT
; Programs for exec_programs.cpp, assembled by llvm-mc for gfx906. On entry: s[0:1] kernel arguments, s2, s3, s4
; workgroup ids, v0, v1, v2 work-item ids. A program is a global symbol.
        .text
        .macro PROGRAM name
        .globl \name
        .p2align 8
\name:
        .endm

; Arguments: out, count; then NX, NY, group x, y, z as dwords. Each work-item writes its ids to out[item] and
; counts itself in count[item].
        PROGRAM ids
        s_load_dwordx4 s[8:11], s[0:1], 0x0
        s_load_dwordx4 s[12:15], s[0:1], 0x10
        s_load_dword s16, s[0:1], 0x20
        s_waitcnt lgkmcnt(0)
        s_mul_i32 s17, s2, s14
        s_mul_i32 s18, s3, s15
        s_mul_i32 s19, s4, s16
        v_add_u32 v3, s17, v0
        v_add_u32 v4, s18, v1
        v_add_u32 v5, s19, v2
        v_mul_lo_u32 v5, v5, s13
        v_add_u32 v4, v5, v4
        v_mul_lo_u32 v4, v4, s12
        v_add_u32 v3, v3, v4
        v_lshlrev_b32 v3, 2, v3
        v_lshlrev_b32 v6, 10, v1
        v_lshlrev_b32 v7, 20, v2
        v_or3_b32 v6, v0, v6, v7
        v_mov_b32 v8, 1
        global_store_dword v3, v6, s[8:9]
        global_atomic_add v3, v8, s[10:11]
        s_endpgm

; Arguments: out, rounds. LDS[item] travels round by round to the next wave; out[item] gets what arrives.
        PROGRAM barrier
        s_load_dwordx4 s[8:11], s[0:1], 0x0
        v_lshlrev_b32 v3, 2, v0
        v_add_u32 v4, 0x100, v3
        v_and_b32 v4, 0xfff, v4
        v_mov_b32 v5, v0
        s_waitcnt lgkmcnt(0)
barrier_round:
        ds_write_b32 v4, v5
        s_waitcnt lgkmcnt(0)
        s_barrier
        ds_read_b32 v5, v3
        s_waitcnt lgkmcnt(0)
        s_barrier
        s_sub_u32 s10, s10, 1
        s_cmp_lg_u32 s10, 0
        s_cbranch_scc1 barrier_round
        s_lshl_b32 s2, s2, 12
        v_add_u32 v3, s2, v3
        global_store_dword v3, v5, s[8:9]
        s_endpgm

; Arguments: flags, number of workgroups - 1. Workgroup i waits, without sleeping, for flag i + 1, then sets flag i.
        PROGRAM chain
        s_load_dwordx4 s[8:11], s[0:1], 0x0
        v_mov_b32 v1, 1
        s_waitcnt lgkmcnt(0)
        s_lshl_b32 s3, s2, 2
        v_mov_b32 v2, s3
        s_cmp_eq_u32 s2, s10
        s_cbranch_scc1 chain_set
chain_wait:
        global_load_dword v3, v2, s[8:9] offset:4 glc
        s_waitcnt vmcnt(0)
        v_readfirstlane_b32 s4, v3
        s_cmp_lg_u32 s4, 1
        s_cbranch_scc1 chain_wait
chain_set:
        global_store_dword v2, v1, s[8:9] glc
        s_endpgm

; Arguments: arrived, workgroups, rounds, failures. A grid barrier: the first wave of each workgroup counts and
; sleeps until all have arrived.
        PROGRAM grid
        s_load_dwordx8 s[8:15], s[0:1], 0x0
        s_waitcnt lgkmcnt(0)
        s_mov_b32 s16, 0
        v_mov_b32 v1, 0
        v_mov_b32 v2, 1
grid_round:
        s_add_u32 s16, s16, s10
        s_mov_b64 s[20:21], exec
        s_mov_b64 exec, 1
        v_cmp_eq_u32 vcc, 0, v0
        s_cbranch_vccz grid_join
        global_atomic_add v1, v2, s[8:9]
grid_wait:
        s_sleep 1
        global_load_dword v3, v1, s[8:9] glc
        s_waitcnt vmcnt(0)
        v_readfirstlane_b32 s4, v3
        s_cmp_lt_u32 s4, s16
        s_cbranch_scc1 grid_wait
grid_join:
        s_mov_b64 exec, s[20:21]
        s_barrier
        s_sub_u32 s12, s12, 1
        s_cmp_lg_u32 s12, 0
        s_cbranch_scc1 grid_round
        s_endpgm

; Arguments: counter, stop. Count until stop is set.
        PROGRAM count
        s_load_dwordx4 s[8:11], s[0:1], 0x0
        v_mov_b32 v1, 0
        v_mov_b32 v2, 1
        s_waitcnt lgkmcnt(0)
count_more:
        global_atomic_add v1, v2, s[8:9]
        global_load_dword v3, v1, s[10:11] glc
        s_waitcnt vmcnt(0)
        v_readfirstlane_b32 s4, v3
        s_cmp_eq_u32 s4, 0
        s_cbranch_scc1 count_more
        s_endpgm

; Argument: counter. Every lane adds one, many times.
        PROGRAM add
        s_load_dwordx2 s[8:9], s[0:1], 0x0
        v_mov_b32 v1, 0
        v_mov_b32 v2, 1
        s_movk_i32 s3, 100
        s_waitcnt lgkmcnt(0)
add_more:
        global_atomic_add v1, v2, s[8:9]
        s_sub_u32 s3, s3, 1
        s_cmp_lg_u32 s3, 0
        s_cbranch_scc1 add_more
        s_endpgm

; Arguments: address, out. The second instruction after the load must not run when it faults.
        PROGRAM load
        s_load_dwordx4 s[8:11], s[0:1], 0x0
        v_mov_b32 v1, 0
        v_mov_b32 v2, 1
        s_waitcnt lgkmcnt(0)
        global_load_dword v3, v1, s[8:9]
        global_store_dword v1, v2, s[10:11]
        s_endpgm

        PROGRAM endless
endless_more:
        s_branch endless_more

        PROGRAM trap
        s_trap 2

        PROGRAM illegal
        .long 0xbf7fffff

; Argument: out. s[4:7] is the scratch resource, s8 the workgroup, s9 the wave's scratch offset. Every wave fills
; its private memory, waits a little, and ors into out[0] what is not its own; out[1] counts lanes.
        PROGRAM scratch
        s_load_dwordx2 s[14:15], s[0:1], 0x0
        v_lshlrev_b32 v3, 6, v0
        v_add_u32 v3, s8, v3
        s_mov_b32 s3, 0
        s_mov_b32 s10, s9
scratch_fill:
        buffer_store_dword v3, off, s[4:7], s10
        buffer_store_dword v3, off, s[4:7], s10 offset:4
        v_mov_b32 v6, s3
        buffer_store_byte v6, off, s[4:7], s10 offset:9
        s_add_u32 s10, s10, 0x400
        s_add_u32 s3, s3, 1
        s_cmp_lt_u32 s3, 4
        s_cbranch_scc1 scratch_fill
        s_movk_i32 s11, 50
scratch_wait:
        s_sleep 1
        s_sub_u32 s11, s11, 1
        s_cmp_lg_u32 s11, 0
        s_cbranch_scc1 scratch_wait
        s_mov_b32 s10, s9
        s_mov_b32 s3, 0
        v_mov_b32 v5, 0
scratch_check:
        buffer_load_dword v4, off, s[4:7], s10
        s_waitcnt vmcnt(0)
        v_xor_b32 v4, v4, v3
        v_or_b32 v5, v5, v4
        buffer_load_dword v4, off, s[4:7], s10 offset:4
        s_waitcnt vmcnt(0)
        v_xor_b32 v4, v4, v3
        v_or_b32 v5, v5, v4
        buffer_load_ubyte v4, off, s[4:7], s10 offset:9
        s_waitcnt vmcnt(0)
        v_xor_b32 v4, s3, v4
        v_or_b32 v5, v5, v4
        s_add_u32 s10, s10, 0x400
        s_add_u32 s3, s3, 1
        s_cmp_lt_u32 s3, 4
        s_cbranch_scc1 scratch_check
        s_waitcnt lgkmcnt(0)
        v_mov_b32 v1, 0
        global_atomic_or v1, v5, s[14:15]
        v_mov_b32 v2, 1
        global_atomic_add v1, v2, s[14:15] offset:4
        s_endpgm

; Arguments: data, flag, failures. Even workgroups publish, odd ones look: who sees the flag sees the data.
        PROGRAM publish
        s_load_dwordx4 s[8:11], s[0:1], 0x0
        s_load_dwordx2 s[12:13], s[0:1], 0x10
        s_and_b32 s3, s2, 1
        s_lshr_b32 s4, s2, 1
        s_lshl_b32 s4, s4, 2
        v_mov_b32 v1, s4
        v_mov_b32 v2, 42
        s_waitcnt lgkmcnt(0)
        s_cmp_eq_u32 s3, 1
        s_cbranch_scc1 publish_look
        global_store_dword v1, v2, s[8:9]
        s_waitcnt vmcnt(0)
        global_store_dword v1, v2, s[10:11] glc
        s_endpgm
publish_look:
        global_load_dword v3, v1, s[10:11] glc
        s_waitcnt vmcnt(0)
        buffer_wbinvl1_vol
        v_readfirstlane_b32 s5, v3
        s_cmp_lg_u32 s5, 42
        s_cbranch_scc1 publish_look
        global_load_dword v4, v1, s[8:9]
        s_waitcnt vmcnt(0)
        v_cmp_ne_u32 vcc, 42, v4
        s_and_b64 exec, exec, vcc
        v_mov_b32 v5, 1
        v_mov_b32 v6, 0
        global_atomic_add v6, v5, s[12:13]
        s_endpgm

; Arguments: mine, other, saw: store to the own flag, then look at the other one (Dekker). saw[item group] += 1 if it was 0.
        PROGRAM dekker
        s_load_dwordx4 s[8:11], s[0:1], 0x0
        s_and_b32 s3, s2, 1
        s_lshr_b32 s4, s2, 1
        s_lshl_b32 s4, s4, 3
        s_lshl_b32 s5, s3, 2
        s_add_u32 s6, s4, s5
        s_xor_b32 s5, s5, 4
        s_add_u32 s7, s4, s5
        s_lshr_b32 s4, s4, 1
        v_mov_b32 v1, s6
        v_mov_b32 v2, s7
        v_mov_b32 v3, 1
        v_mov_b32 v5, s4
        s_mov_b64 exec, 1
        s_waitcnt lgkmcnt(0)
        global_store_dword v1, v3, s[8:9] glc
        s_waitcnt vmcnt(0)
        global_load_dword v4, v2, s[8:9] glc
        s_waitcnt vmcnt(0)
        v_cmp_eq_u32 vcc, 0, v4
        s_and_b64 exec, exec, vcc
        global_atomic_add v5, v3, s[10:11]
        s_endpgm

; Argument: out. An instruction of 8 bytes lies across a page border, after a branch from the page before.
        .p2align 12
        PROGRAM cross
        s_load_dwordx2 s[8:9], s[0:1], 0x0
        v_mov_b32 v1, 0
        v_mov_b32 v2, 7
        s_waitcnt lgkmcnt(0)
        s_branch cross_target ; a branch to a global symbol would be left to a linker
        .fill 1017, 4, 0xbf800000
        .globl cross_end
cross_end:
cross_target:
        global_store_dword v1, v2, s[8:9]
        v_mov_b32 v2, 0x12345678
        global_store_dword v1, v2, s[8:9] offset:4
        s_endpgm

; Argument: out. Four results of moves with indexed VGPRs, for each work-item.
        PROGRAM indexed
        s_load_dwordx2 s[8:9], s[0:1], 0x0
        v_mov_b32 v10, 40
        v_mov_b32 v11, 41
        v_mov_b32 v12, 42
        v_mov_b32 v13, 43
        v_mov_b32 v14, 44
        v_lshlrev_b32 v2, 4, v0
        s_mov_b32 s5, 2
        s_mov_b32 s6, 0x101
        s_waitcnt lgkmcnt(0)
        s_set_gpr_idx_on s5, gpr_idx(SRC0)
        v_mov_b32 v16, v10
        s_set_gpr_idx_idx s6
        v_add_u32 v17, v10, v10
        s_set_gpr_idx_mode gpr_idx(SRC1,DST)
        v_sub_u32 v12, v10, v12
        s_set_gpr_idx_off
        v_mov_b32 v18, v13
        v_mov_b32 v19, v10
        global_store_dwordx4 v2, v[16:19], s[8:9]
        s_mov_b32 s5, 0xe0 ; past the wave's registers
        s_set_gpr_idx_on s5, gpr_idx(SRC0)
        v_mov_b32 v16, v10
        s_set_gpr_idx_mode gpr_idx(DST)
        v_mov_b32 v10, 7
        s_set_gpr_idx_off
        v_mov_b32 v17, v10
        global_store_dwordx2 v2, v[16:17], s[8:9] offset:2048
        s_mov_b32 s5, 13 ; of a pair from v10 the first is the wave's last register, v23
        s_set_gpr_idx_on s5, gpr_idx(SRC1)
        v_lshlrev_b64 v[16:17], 0, v[10:11]
        s_set_gpr_idx_mode gpr_idx(DST)
        v_lshlrev_b64 v[10:11], 1, v[12:13]
        s_set_gpr_idx_off
        v_mov_b32 v18, v10
        v_mov_b32 v19, v11
        global_store_dwordx4 v2, v[16:19], s[8:9] offset:3072
        s_endpgm

; Arguments: out, coordinates (4 floats an item), then from 0x20 an image descriptor, from 0x40 a sampler.
        .macro SAMPLE name, instruction:vararg
        PROGRAM \name
        s_load_dwordx4 s[8:11], s[0:1], 0x0
        s_load_dwordx8 s[12:19], s[0:1], 0x20
        s_load_dwordx4 s[20:23], s[0:1], 0x40
        v_lshlrev_b32 v2, 4, v0
        s_waitcnt lgkmcnt(0)
        global_load_dwordx4 v[4:7], v2, s[10:11]
        s_waitcnt vmcnt(0)
        \instruction
        s_waitcnt vmcnt(0)
        global_store_dwordx4 v2, v[8:11], s[8:9]
        s_endpgm
        .endm
        SAMPLE sample, image_sample_lz v[8:11], v[4:7], s[12:19], s[20:23] dmask:0xf
        SAMPLE sample_array, image_sample_lz v[8:11], v[4:7], s[12:19], s[20:23] dmask:0xf da
        SAMPLE gather, image_gather4_lz v[8:11], v[4:7], s[12:19], s[20:23] dmask:0x2
        SAMPLE image_mip, image_load_mip v[8:11], v[4:7], s[12:19] dmask:0xf

; Arguments: out; from 0x20 the resource that is read, from 0x30 the one that is written. Item i converts element i.
        PROGRAM typed
        s_load_dwordx2 s[8:9], s[0:1], 0x0
        s_load_dwordx8 s[12:19], s[0:1], 0x20
        v_lshlrev_b32 v2, 4, v0
        s_waitcnt lgkmcnt(0)
        buffer_load_format_xyzw v[4:7], v0, s[12:15], 0 idxen
        tbuffer_load_format_xy v[8:9], v0, s[12:15], dfmt:3, nfmt:5, 0 idxen
        buffer_load_format_d16_xy v10, v0, s[12:15], 0 idxen
        s_waitcnt vmcnt(0)
        buffer_store_format_xyzw v[4:7], v0, s[16:19], 0 idxen
        global_store_dwordx3 v2, v[8:10], s[8:9]
        s_endpgm
