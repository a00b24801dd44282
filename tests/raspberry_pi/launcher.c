/* Stands where an ARM program of an emulated system stood, and starts it under the emulator.
 *
 * The program itself lies beside it, with ".arm" behind its name. So the kernel needs to know
 * nothing of ARM, emulated programs can start each other, and nothing is registered on the host.
 * QEMU_CPU names the processor, QEMU_PLUGIN what counts; both are qemu's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char program[4096] = "";
    char *started[argc + 7];
    int n = 0;

    if (readlink("/proc/self/exe", program, sizeof program - 5) < 0 || !getenv("QEMU_CPU")) {
        fputs("launcher: /proc is not mounted, or QEMU_CPU is not set\n", stderr);
        return 127;
    }
    started[n++] = "/emulator/ld.so";
    started[n++] = "--library-path";
    started[n++] = "/emulator";
    started[n++] = "/emulator/qemu";
    started[n++] = "-0";
    started[n++] = argv[0];
    started[n++] = strcat(program, ".arm");
    memcpy(started + n, argv + 1, argc * sizeof *argv);
    execv(started[0], started);
    perror(started[0]);
    return 127;
}
