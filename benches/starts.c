/* starts PROGRAM COUNT: microseconds of processor time that one run of the program takes, over COUNT runs. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    char *words[] = { argv[1], NULL }, *environment[] = { NULL };
    long count = atol(argv[2]);
    for (long i = 0; i < count; i++) {
        pid_t child;
        int status;
        if (posix_spawn(&child, argv[1], &actions, NULL, words, environment) || waitpid(child, &status, 0) < 0 || status)
            return 1;
    }
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    double micros = 1e6 * (used.ru_utime.tv_sec + used.ru_stime.tv_sec) + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    printf("%.1f\n", micros / count);
}
