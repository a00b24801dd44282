/* A plugin for qemu 7's user-mode emulator: counts the instructions that the emulated program runs.
 *
 * The program marks the end of a step with getpriority(MARK, number), which Linux refuses and qemu
 * lets through. The count since the last mark is then written to the file named by the argument
 * `to`; what is left, at the end. Exact for one thread: the sum is added up in the emulated code
 * itself, without locks. Debian ships no header for plugins, so what is used of it is declared. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MARK 4242

typedef uint64_t plugin_id;
struct block;
struct machine { const char *target; };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct block *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct block *, int operation, void *, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct block *);
void qemu_plugin_register_vcpu_syscall_cb(
    plugin_id, void (*)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                        uint64_t, uint64_t, uint64_t, uint64_t));
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);

int qemu_plugin_version = 1;

static uint64_t instructions;
static int64_t getpriority_number;
static FILE *counts;

static void count_block(plugin_id id, struct block *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, 0, &instructions, qemu_plugin_tb_n_insns(block));
}

static void write_count(plugin_id id, void *unused) {
    (void)id, (void)unused;
    fprintf(counts, "%llu\n", (unsigned long long)instructions);
    fflush(counts);
    instructions = 0;
}

static void look_for_mark(plugin_id id, unsigned cpu, int64_t number, uint64_t which, uint64_t b,
                          uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
    (void)cpu, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number == getpriority_number && which == MARK)
        write_count(id, NULL);
}

int qemu_plugin_install(plugin_id id, const struct machine *machine, int count, char **arguments) {
    if (count != 1 || strncmp(arguments[0], "to=", 3) || !(counts = fopen(arguments[0] + 3, "w")))
        return 1;
    getpriority_number = strcmp(machine->target, "arm") ? 141 : 96;
    qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
    qemu_plugin_register_vcpu_syscall_cb(id, look_for_mark);
    qemu_plugin_register_atexit_cb(id, write_count, NULL);
    return 0;
}
