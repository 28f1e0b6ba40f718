/* The same in C: compute WHAT COUNT. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t fib(int64_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static int64_t mandelbrot(int64_t size)
{
    int64_t inside = 0;
    for (int64_t row = 0; row < size; row++) {
        double ci = 2.0 * (double)row / (double)size - 1.0;
        for (int64_t column = 0; column < size; column++) {
            double cr = 2.0 * (double)column / (double)size - 1.5, zr = 0, zi = 0;
            int64_t rounds = 0;
            while (rounds < 50 && zr * zr + zi * zi <= 4.0) {
                double next = zr * zr - zi * zi + cr;
                zi = 2.0 * zr * zi + ci;
                zr = next;
                rounds++;
            }
            inside += rounds == 50;
        }
    }
    return inside;
}

static double entry(int64_t i, int64_t j) { return 1.0 / (double)((i + j) * (i + j + 1) / 2 + i + 1); }

static void times(int64_t size, const double *v, double *result, int transposed)
{
    for (int64_t i = 0; i < size; i++) {
        double sum = 0;
        for (int64_t j = 0; j < size; j++)
            sum += (transposed ? entry(j, i) : entry(i, j)) * v[j];
        result[i] = sum;
    }
}

static double spectral(int64_t size)
{
    double *u = malloc(8 * size), *v = malloc(8 * size), *w = malloc(8 * size), uv = 0, vv = 0;
    for (int64_t i = 0; i < size; i++)
        u[i] = 1;
    for (int i = 0; i < 10; i++) {
        times(size, u, w, 0);
        times(size, w, v, 1);
        times(size, v, w, 0);
        times(size, w, u, 1);
    }
    for (int64_t i = 0; i < size; i++) {
        uv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    return uv / vv;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int64_t count = atoll(argv[2]);
    if (strcmp(argv[1], "fib") == 0)
        printf("%lld\n", (long long)fib(count));
    else if (strcmp(argv[1], "mandelbrot") == 0)
        printf("%lld\n", (long long)mandelbrot(count));
    else
        printf("%lld\n", (long long)(spectral(count) * 1000000.0));
}
