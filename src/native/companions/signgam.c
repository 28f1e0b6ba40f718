/* The sign that `lgamma` leaves behind, as the instance's own variable. */
extern double lgamma_r(double, int *);
extern float lgammaf_r(float, int *);

__attribute__((weak)) int signgam;
__attribute__((weak)) double lgamma(double x) { return lgamma_r(x, &signgam); }
__attribute__((weak)) float lgammaf(float x) { return lgammaf_r(x, &signgam); }
__attribute__((weak)) double gamma(double x) { return lgamma(x); }
