#include <layouts.h>

extent grown(extent e, int64_t by)
{
    e.width += (int32_t)by;
    e.height += (int32_t)by;
    e.scale *= 2;
    return e;
}

box boxed(extent e, uint8_t tag)
{
    return (box){ e, tag, e.width > 0 };
}

double area(box b)
{
    return b.open ? b.corner.width * b.corner.height * b.corner.scale : -b.tag;
}
