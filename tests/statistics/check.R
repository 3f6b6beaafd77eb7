# check.R - compares the profiler's statistics with R's: Rscript check.R FIGURES GROUP, where FIGURES is the program
# of figures.c. Prints the largest difference; exits with 1 beyond 1e-9 (relative, or absolute below 1).
args <- commandArgs(TRUE)
far <- 0

ask <- function(...) {
    line <- paste(sapply(c(...), function(x) if (is.character(x)) x else sprintf("%.17g", x)), collapse = " ")
    out <- system2(args[1], input = line, stdout = TRUE)
    as.numeric(strsplit(trimws(out), " ")[[1]])
}

same <- function(what, got, want) {
    stopifnot(length(got) == length(want), !anyNA(want))
    apart <- max(abs(got - want) / pmax(1, abs(want)))
    far <<- max(far, apart)
    if (is.na(apart) || apart > 1e-9) {
        cat(sprintf("%s: %s, R says %s\n", what, paste(format(got, digits = 17), collapse = " "),
                    paste(format(want, digits = 17), collapse = " ")))
        quit(status = 1)
    }
}

set.seed(7)
sets <- list(c(287.239, 304.174), c(1000, 1010, 1020), rexp(5, 1 / 700), rlnorm(12, 6, 0.1), rnorm(40, 900, 25),
             c(rlnorm(30, 6, 0.05), 4000), round(rnorm(9, 300, 2)))
log_interval <- function(x) {
    half <- qt(0.975, length(x) - 1) * sd(x) / sqrt(length(x)) / mean(x)
    mean(x) * exp(c(-half, half))
}

groups <- list(
    distributions = function() {
        for (df in c(1, 2, 3.7, 11, 120, 4000)) {
            for (t in c(0.01, 0.7, 2, 5, 30)) same("t", ask("t", t, df), 2 * pt(-t, df))
            for (p in c(0.5, 0.1, 0.05, 0.01)) same("tq", ask("tq", p, df), qt(1 - p / 2, df))
            for (f in c(0.1, 1, 4, 50)) same("f", ask("f", f, 3, df), pf(f, 3, df, lower.tail = FALSE))
        }
        for (x in c(-8, -1.96, 0, 0.3, 4)) same("normal", ask("normal", x), pnorm(x))
        for (p in c(1e-7, 0.025, 0.4, 0.5, 0.9, 0.99999)) same("normalq", ask("normalq", p), qnorm(p))
    },
    power = function() {
        for (n in c(2, 3, 5, 10, 30)) for (d in c(0.2, 1, 2.5, 6))
            same("power", ask("power", n, d), power.t.test(n = n, delta = d, sd = 1)$power)
        for (cv in c(0.001, 0.02, 0.3)) for (h in c(0.01, 0.05)) {
            n <- ask("needed", cv, h)
            stopifnot(qt(0.975, n - 1) * cv <= h * sqrt(n), n == 2 || qt(0.975, n - 2) * cv > h * sqrt(n - 1))
        }
    },
    summary = function() for (x in sets)
        same("summary", ask("summary", length(x), x),
             c(mean(x), median(x), sd(x), unname(quantile(x, c(0.25, 0.75), type = 7)), log_interval(x))),
    comparison = function() for (a in sets) for (b in sets) {
        w <- t.test(b, a)
        # The ratio's interval is Welch's of the logarithms, by the delta method.
        va <- (sd(a) / mean(a))^2 / length(a)
        vb <- (sd(b) / mean(b))^2 / length(b)
        df <- (va + vb)^2 / (va^2 / (length(a) - 1) + vb^2 / (length(b) - 1))
        ratio <- mean(a) / mean(b)
        same("welch", ask("welch", length(a), a, length(b), b),
             c(mean(b) - mean(a), unname(w$statistic), unname(w$parameter), w$p.value, w$conf.int,
               ratio, ratio * exp(c(-1, 1) * qt(0.975, df) * sqrt(va + vb))))
    },
    ranks = function() {
        for (i in seq_along(sets)) for (j in seq_along(sets)) if (i != j && i < 7 && j < 7) { # without ties
            w <- suppressWarnings(wilcox.test(sets[[j]], sets[[i]], conf.int = TRUE, exact = TRUE))
            same("shift", ask("shift", length(sets[[i]]), sets[[i]], length(sets[[j]]), sets[[j]]),
                 c(unname(w$estimate), w$conf.int))
        }
        for (n in c(1, 2, 9, 60)) {
            p <- runif(n)^3
            same("holm", ask("holm", n, p), p.adjust(p, "holm"))
        }
    },
    bootstrap = function() for (x in sets) {
        got <- ask("boot", length(x), x)
        means <- got[-(1:6)]
        # The resampled means are means of the numbers, about their mean and as wide as they must be.
        stopifnot(length(means) == 2000, min(means) >= min(x) - 1e-9, max(means) <= max(x) + 1e-9,
                  !is.unsorted(means), abs(mean(means) - mean(x)) < 5 * sd(x) / sqrt(length(x) * 2000))
        expected <- sd(x) * sqrt((length(x) - 1) / length(x)) / sqrt(length(x))
        stopifnot(abs(sd(means) / expected - 1) < 0.1)
        equal <- abs(means - mean(x)) <= 1e-12 * abs(mean(x))
        z0 <- qnorm((sum(means < mean(x) & !equal) + sum(equal) / 2) / 2000)
        jack <- sapply(seq_along(x), function(i) mean(x[-i]))
        d <- mean(jack) - jack
        a <- sum(d^3) / (6 * sum(d^2)^1.5)
        z <- z0 + qnorm(c(0.025, 0.975))
        p <- pnorm(z0 + z / (1 - a * z))
        same("boot", got[1:6], c(z0, a, p, unname(quantile(means, p, type = 7))))
        stopifnot(got[5] > 0)
    },
    models = function() {
        cpus <- rep(c(1, 2, 4, 8), each = 5)
        for (serial in c(50, 400, 900)) {
            y <- serial + (1000 - serial) / cpus + rnorm(20, 0, 8)
            fit <- lm(y ~ I(1 / cpus))
            a <- unname(coef(fit)[1])
            b <- unname(coef(fit)[2])
            gradient <- c(b, -a) / (a + b)^2
            half <- qt(0.975, 18) * sqrt(drop(gradient %*% vcov(fit) %*% gradient))
            same("amdahl", ask("amdahl", 20, y, cpus), c(a, b, sigma(fit), a / (a + b) + c(0, -half, half)))
        }
        # Unbalanced: cells and hosts, some pairs with no sample.
        cell <- c(0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3)
        host <- c(0, 0, 1, 2, 0, 1, 1, 1, 2, 2, 2, 0, 2, 0)
        for (effect in c(0, 0.1)) {
            y <- 6 + cell / 5 + effect * host + rnorm(14, 0, 0.02)
            only <- lm(y ~ factor(cell))
            both <- lm(y ~ factor(cell) + factor(host))
            test <- anova(only, both)
            e <- c(0, unname(coef(both)[5:6]))
            same("factor", ask("factor", 14, y, cell, host),
                 c(test$"Sum of Sq"[2], test$Df[2], test$RSS[2], test$Res.Df[2], test$F[2], test$"Pr(>F)"[2],
                   e - mean(e)))
        }
    }
)

groups[[args[2]]]()
cat(sprintf("%s: at most %.2g apart\n", args[2], far))
