/* firmware.h - classifies a firmware file: UEFI's code, its variables, both, or neither.
 *
 * A build of UEFI for QEMU consists of firmware volumes. Code and variables are two files for
 * QEMU's flash memory, or one file for -bios, which begins with the variables. Source: UEFI PI
 * specification 1.7, volume 3, 3.2.1 (EFI_FIRMWARE_VOLUME_HEADER).
 */
#ifndef VM_FORMAT_FIRMWARE_H
#define VM_FORMAT_FIRMWARE_H

#include <stddef.h>
#include <stdint.h>

enum firmware_kind {
	FIRMWARE_OTHER, /* not a firmware volume: SeaBIOS, U-Boot, … */
	FIRMWARE_CODE,
	FIRMWARE_VARS,
	FIRMWARE_WHOLE, /* variables and code */
	FIRMWARE_BLANK, /* zeros: variables of a UEFI for Arm before its first start */
};

/* Size of the part of the file that is examined. */
#define FIRMWARE_HEAD 64

/* Classify a file of SIZE bytes that begins with the N bytes at HEAD. */
enum firmware_kind firmware_kind(const uint8_t *head, size_t n, uint64_t size);

#endif
