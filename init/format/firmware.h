/* firmware.h - what a firmware file is: UEFI's code, its variables, both, or neither.
 *
 * A build of UEFI for QEMU consists of firmware volumes. The code and the variables that it keeps
 * are two files for QEMU's flash memory, or one file for -bios, in which the variables come first.
 * Source: UEFI PI specification 1.7, volume 3, 3.2.1 (EFI_FIRMWARE_VOLUME_HEADER).
 */
#ifndef VM_FORMAT_FIRMWARE_H
#define VM_FORMAT_FIRMWARE_H

#include <stddef.h>
#include <stdint.h>

enum firmware_kind {
	FIRMWARE_OTHER, /* no firmware volume: SeaBIOS, U-Boot, … */
	FIRMWARE_CODE,
	FIRMWARE_VARS,
	FIRMWARE_WHOLE, /* variables and code */
};

/* As much of the file as is looked at. */
#define FIRMWARE_HEAD 64

/* The kind of a file of SIZE bytes that begins with the N bytes at HEAD. */
enum firmware_kind firmware_kind(const uint8_t *head, size_t n, uint64_t size);

#endif
