# hurd-vm.cmake - targets and tests that boot a kernel in the container image hurd-vm.
#
#   hurd_vm_targets(KERNEL DISKS SETTING=VALUE...)   targets qemu, qemu-nox, qemu-gdb; DISKS is a target, or ""
#   hurd_vm_test(NAME KERNEL SCRIPT SETTING=VALUE...) a test of ctest: `vm script --boot SCRIPT`
#
# The build directory is /build in the container.
set(HURD_VM_IMAGE hurd-vm:latest CACHE STRING "the container image")
set(HURD_VM_RUN ${CMAKE_CURRENT_LIST_DIR}/run.sh)

function(hurd_vm_targets kernel disks)
  foreach(mode qemu qemu-nox qemu-gdb)
    add_custom_target(${mode}
      COMMAND ${HURD_VM_RUN} ${mode} ${HURD_VM_IMAGE} ${CMAKE_BINARY_DIR} QEMU_KERNEL=/build/$<TARGET_FILE_NAME:${kernel}>
        ${ARGN}
      DEPENDS ${kernel} ${disks}
      USES_TERMINAL VERBATIM)
  endforeach()
endfunction()

function(hurd_vm_test name kernel script)
  add_test(NAME ${name}
    COMMAND ${HURD_VM_RUN} test ${HURD_VM_IMAGE} ${CMAKE_BINARY_DIR} ${name} ${script}
      QEMU_KERNEL=/build/$<TARGET_FILE_NAME:${kernel}> ${ARGN})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()
