# Writes a program of about LINES lines in one of three languages: the same functions with the same arithmetic.
#
#   awk -v language=coex|c|go -v lines=100000 -f generate.awk
function emit(coex, c, go) {
    print language == "coex" ? coex : language == "c" ? c : go
}

function work(n) {
    emit("func work_" n "(a: int, b: int) -> int", "long work_" n "(long a, long b) {", "func work_" n "(a, b int) int {")
    emit("    total = a * " n " + b", "    long total = a * " n " + b;", "    total := a*" n " + b")
    emit("    count = 0", "    long count = 0;", "    count := 0")
    emit("    for i in 0..10", "    for (long i = 0; i < 10; i++) {", "    for i := 0; i < 10; i++ {")
    emit("        if i % 3 == 0", "        if (i % 3 == 0) {", "        if i%3 == 0 {")
    emit("            total += i * b", "            total += i * b;", "            total += i * b")
    emit("        else if i % 3 == 1", "        } else if (i % 3 == 1) {", "        } else if i%3 == 1 {")
    emit("            total -= a", "            total -= a;", "            total -= a")
    emit("        else", "        } else {", "        } else {")
    emit("            count += 1", "            count += 1;", "            count += 1")
    emit("        ~", "        }", "        }")
    emit("    ~", "    }", "    }")
    emit("    while count > 0", "    while (count > 0) {", "    for count > 0 {")
    emit("        total = total + count * (a - b) / 7", "        total = total + count * (a - b) / 7;", \
         "        total = total + count*(a-b)/7")
    emit("        count -= 1", "        count -= 1;", "        count -= 1")
    emit("    ~", "    }", "    }")
    emit("    if total > 1000000 or total < -1000000", "    if (total > 1000000 || total < -1000000) {", \
         "    if total > 1000000 || total < -1000000 {")
    emit("        total = total % 1000003", "        total = total % 1000003;", "        total = total % 1000003")
    emit("    ~", "    }", "    }")
    emit("    return total", "    return total;", "    return total")
    emit("~", "}", "}")
    print ""
}

function group(g, from, to,    n) {
    emit("func group_" g "(sum: int) -> int", "long group_" g "(long sum) {", "func group_" g "(sum int) int {")
    for (n = from; n < to; n++)
        emit("    sum = work_" n "(sum % 1000, " n ")", "    sum = work_" n "(sum % 1000, " n ");", \
             "    sum = work_" n "(sum%1000, " n ")")
    emit("    return sum", "    return sum;", "    return sum")
    emit("~", "}", "}")
    print ""
}

BEGIN {
    if (language == "c")
        print "#include <stdio.h>"
    if (language == "go")
        print "package main\nimport \"fmt\""
    # A function of 22 lines, its call, and its share of a group of 50.
    functions = int(lines / 23.1)
    for (n = 0; n < functions; n++)
        work(n)
    for (g = 0; g * 50 < functions; g++)
        group(g, g * 50, (g + 1) * 50 < functions ? (g + 1) * 50 : functions)
    emit("func main() -> int", "int main(void) {", "func main() {")
    emit("    sum = 1", "    long sum = 1;", "    sum := 1")
    for (n = 0; n < g; n++)
        emit("    sum = group_" n "(sum)", "    sum = group_" n "(sum);", "    sum = group_" n "(sum)")
    emit("    print(sum)", "    printf(\"%ld\\n\", sum);", "    fmt.Println(sum)")
    emit("    return 0", "    return 0;", "")
    emit("~", "}", "}")
}
