/* The same in C: compute WHAT COUNT. */
#include <math.h>
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

typedef struct { double x, y, z, vx, vy, vz, mass; } Body;

static void simulate(Body *bodies, int64_t count, double dt, int64_t steps)
{
    for (int64_t step = 0; step < steps; step++) {
        for (int64_t i = 0; i < count; i++)
            for (int64_t j = i + 1; j < count; j++) {
                double dx = bodies[i].x - bodies[j].x, dy = bodies[i].y - bodies[j].y, dz = bodies[i].z - bodies[j].z;
                double square = dx * dx + dy * dy + dz * dz, pull = dt / (square * sqrt(square));
                bodies[i].vx -= dx * bodies[j].mass * pull;
                bodies[i].vy -= dy * bodies[j].mass * pull;
                bodies[i].vz -= dz * bodies[j].mass * pull;
                bodies[j].vx += dx * bodies[i].mass * pull;
                bodies[j].vy += dy * bodies[i].mass * pull;
                bodies[j].vz += dz * bodies[i].mass * pull;
            }
        for (int64_t i = 0; i < count; i++) {
            bodies[i].x += dt * bodies[i].vx;
            bodies[i].y += dt * bodies[i].vy;
            bodies[i].z += dt * bodies[i].vz;
        }
    }
}

static double energy(const Body *bodies, int64_t count)
{
    double total = 0;
    for (int64_t i = 0; i < count; i++) {
        Body b = bodies[i];
        total += 0.5 * b.mass * (b.vx * b.vx + b.vy * b.vy + b.vz * b.vz);
        for (int64_t j = i + 1; j < count; j++) {
            double dx = b.x - bodies[j].x, dy = b.y - bodies[j].y, dz = b.z - bodies[j].z;
            total -= b.mass * bodies[j].mass / sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return total;
}

static double nbody(int64_t steps)
{
    const double year = 365.24, mass = 39.47841760435743;
    Body bodies[] = {
        { 0, 0, 0, 0, 0, 0, mass },
        { 4.84143144246472090, -1.16032004402742839, -0.103622044471123109, 0.00166007664274403694 * year, 0.00769901118419740425 * year, -0.0000690460016972063023 * year, 0.000954791938424326609 * mass },
        { 8.34336671824457987, 4.12479856412430479, -0.403523417114321381, -0.00276742510726411 * year, 0.00499852801234917238 * year, 0.0000230417297573763929 * year, 0.000285885980666130812 * mass },
        { 12.8943695621391310, -15.1111514016986312, -0.223307578892655734, 0.00296460137564761618 * year, 0.00237847173959480950 * year, -0.0000296589568540237556 * year, 0.0000436624404335156298 * mass },
        { 15.3796971148509165, -25.9193146099879641, 0.179258772950371181, 0.00268067772490389322 * year, 0.00162824170038242295 * year, -0.0000951592254519715870 * year, 0.0000515138902046611451 * mass },
    };
    int64_t count = 5;
    double px = 0, py = 0, pz = 0;
    for (int64_t i = 0; i < count; i++) {
        px += bodies[i].vx * bodies[i].mass;
        py += bodies[i].vy * bodies[i].mass;
        pz += bodies[i].vz * bodies[i].mass;
    }
    bodies[0].vx = -px / mass;
    bodies[0].vy = -py / mass;
    bodies[0].vz = -pz / mass;
    simulate(bodies, count, 0.01, steps);
    return energy(bodies, count);
}

static int64_t fannkuch(int64_t n)
{
    int64_t *perm1 = malloc(8 * n), *perm = malloc(8 * n), *count = malloc(8 * n);
    for (int64_t i = 0; i < n; i++)
        perm1[i] = perm[i] = count[i] = i;
    int64_t checksum = 0, most = 0, round = 0, r = n;
    for (;;) {
        for (; r != 1; r--)
            count[r - 1] = r;
        for (int64_t i = 0; i < n; i++)
            perm[i] = perm1[i];
        int64_t flips = 0;
        for (int64_t k = perm[0]; k != 0; k = perm[0]) {
            for (int64_t low = 0, high = k; low < high; low++, high--) {
                int64_t kept = perm[low];
                perm[low] = perm[high];
                perm[high] = kept;
            }
            flips++;
        }
        if (flips > most)
            most = flips;
        if (round % 2 == 0)
            checksum += flips;
        else
            checksum -= flips;
        for (;; r++) {
            if (r == n)
                return checksum * 1000 + most;
            int64_t first = perm1[0];
            for (int64_t i = 0; i < r; i++)
                perm1[i] = perm1[i + 1];
            perm1[r] = first;
            count[r] -= 1;
            if (count[r] > 0)
                break;
        }
        round++;
    }
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
    else if (strcmp(argv[1], "spectral") == 0)
        printf("%lld\n", (long long)(spectral(count) * 1000000.0));
    else if (strcmp(argv[1], "nbody") == 0)
        printf("%lld\n", (long long)(nbody(count) * 1000000000.0));
    else
        printf("%lld\n", (long long)fannkuch(count));
}
